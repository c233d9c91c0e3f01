"""Schedules of change: what happens to a world while it runs; each is off by default."""
