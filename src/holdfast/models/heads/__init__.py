"""Heads: one file, one distribution of one outcome."""
