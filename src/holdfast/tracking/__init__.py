"""Floor 1: one small run-log interface; local files by default, the only W&B in the house."""
