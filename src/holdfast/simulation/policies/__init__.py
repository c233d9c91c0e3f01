"""Rankers and the exploration around them; every choice comes with the exact chance of it."""
