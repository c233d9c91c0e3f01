"""Empirical likelihood: the reweighting closest to the log under which the weights average 1.

N rows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np

from holdfast.core.arrays import Floats
from holdfast.evaluation.off_policy.formulas import Terms
from holdfast.evaluation.off_policy.rounds import Rounds, WeightRange


@dataclass(frozen=True, kw_only=True)
class CressieRead:
    """Maximum empirical likelihood with the Cressie-Read divergence of power -2.

    The rows are reweighted as little as possible so that the importance weights average exactly 1, with one
    imaginary row at an end of the range of weights so that this is always possible. To first order it is IPS
    with ``w - 1`` as a control variate.

    Attributes:
        smallest_weight: smallest weight that could have been logged, in [0, 1).
        largest_weight: largest weight that could have been logged, > 1; None for the largest one seen.

    Source: Karampatziakis, Langford and Mineiro (2020).
    """

    name: ClassVar[str] = "cressie_read"
    needs: ClassVar[str] = "weights"
    reference: ClassVar[str] = ""

    smallest_weight: float = 0.0
    largest_weight: float | None = None

    def __post_init__(self) -> None:
        if not 0.0 <= self.smallest_weight < 1.0:
            raise ValueError(f"smallest_weight is {self.smallest_weight}; it must lie in [0, 1)")
        if self.largest_weight is not None and not self.largest_weight > 1.0:
            raise ValueError(f"largest_weight is {self.largest_weight}; it must be above 1, or None")

    @property
    def reduced_above(self) -> float:
        """No weight is reduced."""
        return math.inf

    def terms(self, rounds: Rounds) -> Terms:
        """The reweighted mean of ``w r``, from the means of ``w r, w, w^2, w^2 r, r``."""
        squared = rounds.squared_weight
        columns = (
            rounds.weighted_reward,
            rounds.weight,
            squared,
            squared * rounds.reward,
            rounds.reward,
        )
        return Terms(columns, partial(_value, smallest=self.smallest_weight, largest=self.largest_weight))


def _value(means: Floats, weights: WeightRange, *, smallest: float, largest: float | None) -> Floats:
    mean_wr, mean_w, mean_ww, mean_wwr, mean_r = np.moveaxis(means, -1, 0)
    n = weights.num_rows
    high = weights.largest if largest is None else max(largest, weights.largest)
    # A row at the far end pulls the mean weight to 1.
    imaginary = np.where(mean_w.real < 1.0, high, min(smallest, weights.smallest))
    first = (imaginary + n * mean_w) / (1 + n)
    second = (imaginary**2 + n * mean_ww) / (1 + n)
    spread = second - first**2
    # Equal weights leave nothing to choose: the estimate is then IPS.
    spread_is_zero = spread.real <= 1e-14 * np.maximum(second.real, 1e-300)
    spread = np.where(spread_is_zero, 1.0, spread)
    level = np.where(spread_is_zero, (1 + n) / n, (second - first) / spread)
    slope = np.where(spread_is_zero, 0.0, (1 - first) / spread)
    scale = n / (1 + n)
    value = scale * (level * mean_wr + slope * mean_wwr)
    missing = 1 - scale * (level * mean_w + slope * mean_ww)
    return np.asarray(value + np.where(missing.real > 0.0, missing, 0.0) * mean_r)
