"""Losses that are meant to hold in every environment of the train window, not only over its rows."""
