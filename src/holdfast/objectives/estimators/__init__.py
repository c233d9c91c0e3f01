"""Estimators: one file, one way to tell the loss over all rows from the rows that were observed."""
