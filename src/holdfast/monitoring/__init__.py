"""Floor 2: detectors of change, reference summaries, calibration over time, alarms. Sees data and evaluation."""
