"""How much of a ranker's worth is left when conditions change: pure functions of what was measured."""
