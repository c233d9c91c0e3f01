"""Sequences: one file, one way in which a list in order of time becomes one vector."""
