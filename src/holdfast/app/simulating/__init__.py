"""The stage simulate: contenders that serve a world, and are trained on what they logged."""
