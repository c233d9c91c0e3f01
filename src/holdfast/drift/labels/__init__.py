"""What is told of what happened changes."""
