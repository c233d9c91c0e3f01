"""Floor 2: worlds whose truth is known."""
