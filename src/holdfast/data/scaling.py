"""Numbers of any size brought to order one.

N rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from pandas.api import types

from holdfast.core.arrays import Floats

# A spread below this share of the mean is rounding, not variation.
_CONSTANT = 1e-12


@dataclass(frozen=True, kw_only=True)
class Scaling:
    """How one numeric column is standardised, as the training rows had it.

    Attributes:
        scale: ``linear``, or ``log`` for ``sign(x) log(1 + |x|)``.
        mean: of the known training values, after ``log`` if that is the scale.
        deviation: their standard deviation; 1 for a constant column.
        seen_missing: whether training had missing values.
    """

    scale: Literal["linear", "log"]
    mean: float
    deviation: float
    seen_missing: bool

    def apply(self, numbers: Floats, *, clip: float) -> Floats:
        """Standardised numbers, clipped to ±``clip``, 0 where missing or infinite, ``[N]``."""
        known = np.isfinite(numbers)
        # A faulty sensor or unit may be off by any factor: what overflows is clipped like the rest.
        with np.errstate(over="ignore", invalid="ignore"):
            standard = (rescaled(numbers, scale=self.scale) - self.mean) / self.deviation
        return np.where(known, np.clip(standard, -clip, clip), 0.0)


def fit_scaling(numbers: Floats, *, scale: Literal["linear", "log"]) -> Scaling:
    """Mean and deviation of the finite numbers; 0 and 1 where there are none."""
    known = np.isfinite(numbers)
    values = rescaled(numbers[known], scale=scale)
    # Dividing by the largest first keeps the squares of huge numbers finite.
    largest = float(np.abs(values).max(initial=0.0)) or 1.0
    mean = float((values / largest).mean()) * largest if len(values) else 0.0
    deviation = float((values / largest).std()) * largest if len(values) else 0.0
    if not deviation > _CONSTANT * abs(mean):
        deviation = 1.0
    return Scaling(scale=scale, mean=mean, deviation=deviation, seen_missing=not bool(known.all()))


def rescaled(numbers: Floats, *, scale: Literal["linear", "log"]) -> Floats:
    """``numbers``, or their signed logarithm."""
    if scale == "linear":
        return numbers
    return np.sign(numbers) * np.log1p(np.abs(numbers))


def as_numbers(values: pd.Series) -> Floats:
    """A column as float64 ``[N]``; what is no number is NaN."""
    if types.is_numeric_dtype(values.dtype) or types.is_bool_dtype(values.dtype):
        return np.asarray(values.to_numpy(dtype=np.float64, na_value=np.nan))
    numbers = pd.to_numeric(values.astype(object), errors="coerce")
    return np.asarray(numbers.to_numpy(dtype=np.float64, na_value=np.nan))
