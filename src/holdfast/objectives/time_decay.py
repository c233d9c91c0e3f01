"""Newer rows count more.

N rows of a window, T objectives.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from holdfast.core.arrays import Bools, Floats, Ints


@dataclass(frozen=True, kw_only=True)
class TimeDecay:
    r"""What a row counts halves with every ``half_life_days`` of its age.

    .. math:: w_n \leftarrow c \, w_n \, 2^{-a_n / h}

    with the age :math:`a_n` in whole days before the newest day of the train window, and :math:`c` such that
    the mean over the known rows of the window is 1 again.

    Attributes:
        half_life_days: > 0; None for rows that count the same whatever their age.
    """

    half_life_days: float | None = None

    def __post_init__(self) -> None:
        if self.half_life_days is not None and not 0.0 < self.half_life_days < math.inf:
            raise ValueError(
                f"half_life_days is {self.half_life_days}; it must be above 0 and finite, or null"
            )

    def apply(self, weights: Floats, *, known: Bools, day: Ints) -> Floats:
        """The weights with the decay, float32 ``[N, T]``; the very same array where there is none.

        Args:
            weights: what each row counts in each objective's loss, 0 where not known, ``[N, T]``.
            known: False for rows that do not count, ``[N, T]``.
            day: local day of each row, ``[N]``.
        """
        if self.half_life_days is None or len(day) == 0:
            return weights
        day = np.asarray(day)
        age_days = (day.max() - day).astype(np.float64)
        return decayed(weights, known=known, age_days=age_days, half_life_days=self.half_life_days)


def decayed(weights: Floats, *, known: Bools, age_days: Floats, half_life_days: float) -> Floats:
    """Weights times ``2 ** (-age_days / half_life_days)``, of the mean over known rows that they had.

    Args:
        weights: >= 0, ``[N, T]``.
        known: False for rows that do not count, ``[N, T]``.
        age_days: >= 0, ``[N]``.
        half_life_days: > 0.

    Returns:
        Float32 ``[N, T]``; 0 where not known.
    """
    known = np.asarray(known)
    # Counted from the newest row that is known: of retention, the newest days are not, and a short half-life
    # would leave nothing but zeros.
    youngest = np.where(known, age_days[:, None], np.inf).min(0, initial=np.inf)
    age = np.where(known, age_days[:, None] - np.where(np.isfinite(youngest), youngest, 0.0), np.inf)
    before = np.where(known, weights, 0.0).astype(np.float64)
    after = before * np.exp2(-age / half_life_days)
    total = after.sum(0)
    scale = np.divide(before.sum(0), total, out=np.zeros_like(total), where=total > 0.0)
    return (after * scale).astype(np.float32)
