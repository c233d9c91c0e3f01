"""Floor 4: the command line, stages, runner and report. The only Hydra in the house."""
