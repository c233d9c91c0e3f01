"""Floor 1: the log contract, readers, as-of views, temporal splits, encoders, loaders."""
