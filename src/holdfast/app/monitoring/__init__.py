"""Watching a log with the model that serves it: the command, the stage and their page."""
