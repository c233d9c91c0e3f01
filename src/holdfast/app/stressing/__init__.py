"""The stage ``stress``: how much of a ranker's worth is left when conditions change."""
