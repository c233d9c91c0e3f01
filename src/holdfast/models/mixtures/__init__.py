"""Mixtures: one file, one way in which objectives share a representation."""
