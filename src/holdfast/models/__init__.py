"""Floor 1: embeddings, mixtures, heads, and the ranker that composes them."""
