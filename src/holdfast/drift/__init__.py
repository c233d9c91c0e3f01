"""Drift put into logged rows: seeded, in a ladder of severities, with what changed told."""
