"""Floor 1: ranking metrics, calibration, baselines, and statistics with intervals."""
