"""What is measured is wrong; what happened is not."""
