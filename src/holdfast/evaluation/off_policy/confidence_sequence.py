"""Intervals that hold at all times at once, so that a growing log may be looked at whenever one likes.

N rows, in the order in which they were logged.
"""

from __future__ import annotations

import math

import numpy as np

from holdfast.core.arrays import Floats

LARGEST_BET = 0.5
"""Bets above it gain little and lose much where a weight is large."""


def lower_confidence_sequence(terms: Floats, *, error: float) -> Floats:
    """Lower bounds on the mean of non-negative terms, valid together at all N times.

    .. math:: L_t = \\frac{\\sum_{i \\le t} \\lambda_i x_i - \\ln(1/\\alpha)
        - \\sum_{i \\le t} (x_i - \\hat x_{i-1})^2 \\psi(\\lambda_i)}{\\sum_{i \\le t} \\lambda_i},
        \\quad \\psi(\\lambda) = -\\ln(1 - \\lambda) - \\lambda

    Predictions ``hat x`` are running means, at most 1, and bets ``lambda`` follow the running variance, both
    from earlier rows only. The terms need no upper bound, which is what makes this fit importance weights.

    Args:
        terms: >= 0, with a mean of at most 1, such as ``w r`` with rewards in [0, 1], ``[N]``.
        error: alpha, chance that any of the bounds is too high, in (0, 1).

    Returns:
        The best bound so far at each time, in [0, 1], ``[N]``.

    Source: Waudby-Smith, Wu, Ramdas, Karampatziakis and Mineiro (2024); Waudby-Smith and Ramdas (2024) for
    the bets; the inequality is Fan, Grama and Liu's (2015).
    """
    times = np.arange(1, terms.size + 1)
    running = (0.5 + np.cumsum(terms)) / (times + 1)
    earlier = np.minimum(np.concatenate([[0.5], running[:-1]]), 1.0)
    squares = (terms - earlier) ** 2
    variance = (0.25 + np.cumsum(squares)) / (times + 1)
    variance = np.concatenate([[0.25], variance[:-1]])
    bets = np.minimum(
        np.sqrt(2.0 * math.log(1.0 / error) / (variance * times * np.log1p(times))), LARGEST_BET
    )
    psi = -np.log1p(-bets) - bets
    bounds = (np.cumsum(bets * terms) - math.log(1.0 / error) - np.cumsum(squares * psi)) / np.cumsum(bets)
    return np.asarray(np.clip(np.maximum.accumulate(bounds), 0.0, 1.0))


def value_confidence_sequence(
    weight: Floats, reward: Floats, *, reward_range: tuple[float, float] = (0.0, 1.0), level: float = 0.95
) -> tuple[Floats, Floats]:
    """Lower and upper bounds on a policy's value, valid together at all N times.

    The upper bound is a lower bound on what is missing to the largest reward, ``w (1 - r)``, whose mean is
    one minus the value because weights average 1.

    Args:
        weight: >= 0, in the order of the log, ``[N]``.
        reward: ``[N]``.
        reward_range: smallest and largest reward possible.
        level: in (0, 1).

    Returns:
        Lower and upper bounds, ``[N]`` each.

    Raises:
        ValueError: a reward outside the range.
    """
    low, high = reward_range
    if not low < high:
        raise ValueError(f"reward_range is {reward_range}; its first number must be below its second")
    if reward.size and (reward.min() < low or reward.max() > high):
        raise ValueError(
            f"rewards go from {reward.min()} to {reward.max()}, outside reward_range {reward_range}; give "
            "the range that rewards can have"
        )
    scaled = (reward - low) / (high - low)
    error = (1.0 - level) / 2.0
    lower = lower_confidence_sequence(weight * scaled, error=error)
    upper = 1.0 - lower_confidence_sequence(weight * (1.0 - scaled), error=error)
    return low + (high - low) * lower, low + (high - low) * upper
