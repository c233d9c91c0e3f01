"""Floor 2: detectors of change, references, calibration over time, alarms. Sees data and evaluation."""
