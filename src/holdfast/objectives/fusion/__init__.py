"""One ranking score out of the heads' scores: by given weights, or by weights learned on validation."""

from holdfast.objectives.fusion.weighted import WeightedProduct, WeightedSum

__all__ = ["WeightedProduct", "WeightedSum"]
