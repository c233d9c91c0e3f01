"""Interactions: one file, one way in which the fields of a row meet."""
