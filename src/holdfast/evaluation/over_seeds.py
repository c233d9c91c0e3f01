"""What several independent repeats say together.

S seeds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.stats import t as student_t

from holdfast.core.arrays import Floats


@dataclass(frozen=True)
class SeedInterval:
    """A mean over seeds with its interval; NaN where there is none.

    Attributes:
        mean: over the seeds whose value is a number.
        low: lower end of the interval.
        high: upper end of the interval.
        num_seeds: how many have a value.
    """

    mean: float
    low: float
    high: float
    num_seeds: int


def mean_over_seeds(values: Floats, *, level: float) -> SeedInterval:
    r"""The mean of S values and a t-interval for it.

    .. math:: \bar x \pm t_{S - 1, (1 + level) / 2} \; s / \sqrt{S}

    with the standard deviation s over S - 1. It takes the values as independent draws from one normal
    distribution. Differences of two contenders in the same worlds are paired: subtract first.

    Args:
        values: one a seed, NaN where undefined, ``[S]``.
        level: share of intervals that hold the true mean, in (0, 1).

    Returns:
        No interval (NaN) with fewer than two values, and no mean without any.

    Source: Student (1908).
    """
    found = np.asarray(values, dtype=np.float64)
    found = found[~np.isnan(found)]
    number = len(found)
    if number == 0:
        return SeedInterval(math.nan, math.nan, math.nan, 0)
    mean = float(found.mean())
    if number == 1:
        return SeedInterval(mean, math.nan, math.nan, 1)
    half = float(student_t.ppf((1.0 + level) / 2.0, number - 1) * found.std(ddof=1) / math.sqrt(number))
    return SeedInterval(mean, mean - half, mean + half, number)
