"""What a trained model would have earned in the requests of a log that another policy served."""
