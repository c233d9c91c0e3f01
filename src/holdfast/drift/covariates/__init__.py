"""Who and what comes changes; what they do given who they are does not."""
