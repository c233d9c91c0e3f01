"""Floor 1: propensity-weighted losses, task balancing, score fusion."""
