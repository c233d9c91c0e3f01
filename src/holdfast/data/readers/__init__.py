"""Readers: one file, one public format of a log."""
