"""Sources of propensities: one file, one place where a chance to be observed comes from."""
