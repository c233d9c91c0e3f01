"""Intervals for bounded rewards, from the weights and rewards of one policy and objective.

N rows.
"""

from __future__ import annotations

import numpy as np

from holdfast.core.arrays import Floats
from holdfast.core.errors import UserError
from holdfast.evaluation.off_policy.bounds import (
    clopper_pearson_weighted,
    empirical_bernstein,
    empirical_bernstein_ratio,
)
from holdfast.evaluation.off_policy.columns import Cell
from holdfast.evaluation.off_policy.confidence_sequence import value_confidence_sequence
from holdfast.evaluation.off_policy.intervals import Intervals
from holdfast.evaluation.off_policy.rounds import BlockSource


def bounded_interval(
    source: BlockSource, cell: Cell, *, settings: Intervals, ratio: bool
) -> tuple[float, float]:
    """The interval of the chosen method, within the range of the rewards.

    Args:
        source: read once; 16 bytes a row are kept.
        cell: which policy and objective.
        settings: method, level, largest weight and range of the rewards.
        ratio: whether the estimate is self-normalised.

    Raises:
        UserError: a reward outside its range, or a weight above the largest that could have been logged.
    """
    parts = [block.rounds[cell.policy, cell.objective] for block in source.blocks()]
    weight = np.concatenate([part.weight for part in parts])
    reward = np.concatenate([part.reward for part in parts])
    low, high = settings.reward_low, settings.reward_high
    if reward.min() < low or reward.max() > high:
        raise UserError(
            f"rewards of {cell.objective!r} go from {reward.min():g} to {reward.max():g}, outside reward_low="
            f"{low:g} and reward_high={high:g}; give the range that they can have"
        )
    if settings.method == "anytime":
        lower, upper = value_confidence_sequence(
            weight, reward, reward_range=(low, high), level=settings.level
        )
        return float(lower[-1]), float(upper[-1])
    largest = float(settings.largest_weight or 1.0)
    if weight.max() > largest * (1.0 + 1e-9):
        raise UserError(
            f"largest_weight is {largest:g}, and policy {cell.policy!r} has logged {weight.max():g}; "
            "give the largest that could have been logged"
        )
    scaled = (reward - low) / (high - low)
    ends = _finite_sample(weight, scaled, largest=largest, settings=settings, ratio=ratio)
    return tuple(low + (high - low) * min(max(end, 0.0), 1.0) for end in ends)  # type: ignore[return-value]


def _finite_sample(
    weight: Floats, reward: Floats, *, largest: float, settings: Intervals, ratio: bool
) -> tuple[float, float]:
    """Both ends for rewards in [0, 1]."""
    terms = weight * reward
    if settings.method == "clopper_pearson":
        return clopper_pearson_weighted(
            float(terms.mean()), num_rows=weight.size, largest_weight=largest, level=settings.level
        )
    if weight.size < 2:
        return 0.0, 1.0
    covariance = np.cov(terms, weight)
    if ratio:
        return empirical_bernstein_ratio(
            (float(terms.mean()), float(weight.mean())),
            (float(covariance[0, 0]), float(covariance[0, 1]), float(covariance[1, 1])),
            num_rows=weight.size,
            largest_weight=largest,
            reward_range=(0.0, 1.0),
            level=settings.level,
        )
    return empirical_bernstein(
        float(terms.mean()),
        float(covariance[0, 0]),
        num_rows=weight.size,
        width=largest,
        level=settings.level,
    )
