"""Intervals for bounded rewards, from the weights and rewards of one policy and objective.

N rows or slates.
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
from holdfast.evaluation.off_policy.confidence_sequence import lower_confidence_sequence
from holdfast.evaluation.off_policy.intervals import Intervals
from holdfast.evaluation.off_policy.rounds import BlockSource, BoundedTerms


def bounded_interval(
    source: BlockSource, cell: Cell, *, settings: Intervals, ratio: bool
) -> tuple[float, float]:
    """The interval of the chosen method, within the range of the rewards (times the slots of a slate).

    Args:
        source: read once; 24 bytes a row are kept.
        cell: which policy and objective.
        settings: method, level, largest weight and range of the rewards.
        ratio: whether the estimate is self-normalised.

    Raises:
        UserError: a reward outside its range, or a weight above the largest that could have been logged.
    """
    low, high = settings.reward_low, settings.reward_high
    parts, num_slots = [], 1
    for block in source.blocks():
        bounded = block.rounds[cell.policy, cell.objective].bounded_terms()
        _check(bounded, cell, settings)
        parts.append(np.stack([*bounded.scaled(low, high), bounded.normaliser]))
        num_slots = len(bounded.weights)
    terms, missing, normaliser = np.concatenate(parts, axis=1)
    if settings.method == "anytime":
        error = (1.0 - settings.level) / 2.0
        lower = float(lower_confidence_sequence(terms, error=error)[-1])
        upper = 1.0 - float(lower_confidence_sequence(missing, error=error)[-1])
        ends = (lower, upper)
    else:
        ends = _finite_sample(terms, normaliser, settings=settings, ratio=ratio)
        ends = (min(max(ends[0], 0.0), 1.0), min(max(ends[1], 0.0), 1.0))
    return num_slots * (low + (high - low) * ends[0]), num_slots * (low + (high - low) * ends[1])


def _check(bounded: BoundedTerms, cell: Cell, settings: Intervals) -> None:
    low, high = settings.reward_low, settings.reward_high
    smallest, biggest = float(bounded.rewards.min()), float(bounded.rewards.max())
    if smallest < low or biggest > high:
        raise UserError(
            f"rewards of {cell.objective!r} go from {smallest:g} to {biggest:g}, outside reward_low={low:g} "
            f"and reward_high={high:g}; give the range that they can have (with 0 where slates differ in "
            "length)"
        )
    largest, seen = settings.largest_weight, float(bounded.weights.max())
    if settings.method != "anytime" and largest is not None and seen > largest * (1.0 + 1e-9):
        raise UserError(
            f"largest_weight is {largest:g}, and policy {cell.policy!r} has logged {seen:g}; give the "
            "largest that could have been logged"
        )


def _finite_sample(
    terms: Floats, normaliser: Floats, *, settings: Intervals, ratio: bool
) -> tuple[float, float]:
    """Both ends for rewards in [0, 1]."""
    num_rows, largest = terms.size, float(settings.largest_weight or 1.0)
    if settings.method == "clopper_pearson":
        return clopper_pearson_weighted(
            float(terms.mean()), num_rows=num_rows, largest_weight=largest, level=settings.level
        )
    if num_rows < 2:
        return 0.0, 1.0
    covariance = np.cov(terms, normaliser)
    if ratio:
        return empirical_bernstein_ratio(
            (float(terms.mean()), float(normaliser.mean())),
            (float(covariance[0, 0]), float(covariance[0, 1]), float(covariance[1, 1])),
            num_rows=num_rows,
            largest_weight=largest,
            reward_range=(0.0, 1.0),
            level=settings.level,
        )
    return empirical_bernstein(
        float(terms.mean()),
        float(covariance[0, 0]),
        num_rows=num_rows,
        width=largest,
        level=settings.level,
    )
