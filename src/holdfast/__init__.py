"""Holdfast: ranking models that must hold when production moves."""

__version__ = "0.1.0"
