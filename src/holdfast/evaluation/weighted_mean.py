"""Means and ratios of sums over rows, prepared for many sets of row weights.

N rows.
"""

from __future__ import annotations

from holdfast.core.arrays import Floats
from holdfast.evaluation.metric_value import WeightedMetric


def prepare_mean(values: Floats) -> WeightedMetric:
    """The weighted mean of ``values`` ``[N]``; None where the weights sum to 0."""

    def mean(weight: Floats) -> float | None:
        total = weight.sum()
        return float(weight @ values / total) if total > 0.0 else None

    return mean


def prepare_ratio(numerator: Floats, denominator: Floats) -> WeightedMetric:
    """The ratio of two weighted sums, of ``[N]`` each; None where the lower one is 0."""

    def ratio(weight: Floats) -> float | None:
        below = weight @ denominator
        return float(weight @ numerator / below) if below > 0.0 else None

    return ratio


def effective_sample_size(weight: Floats) -> float:
    """How many equally weighted rows would be as informative: ``(sum w)^2 / sum w^2``; 0 without weight.

    Source: Kish (1965).
    """
    square = float((weight**2).sum())
    return float(weight.sum()) ** 2 / square if square > 0.0 else 0.0
