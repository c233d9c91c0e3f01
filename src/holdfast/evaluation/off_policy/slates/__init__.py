"""Off-policy evaluation of slates."""
