"""Floor 3: the only Lightning in the house."""
