"""The report's part on the closed loop: several contenders, several seeds, day by day."""
