"""Off-policy evaluation with many actions, through what they have in common."""
