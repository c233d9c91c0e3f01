"""Floor 0: the types that every other package shares. Small on purpose."""
