"""What a retention model must beat: who was here lately, and how often.

N user-days (or rows of them), H gap days, C recency bins, K activity counts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from holdfast.core.arrays import Floats, Ints
from holdfast.evaluation import checks

RECENCY_EDGES = (1, 2, 3, 5, 8)
"""First day of each recency bin after 'no earlier visit': 1, 2, 3-4, 5-7, 8 and more."""
NUM_RECENCY = len(RECENCY_EDGES) + 1
NUM_FREQUENCY = 8
"""Active days in the seven days before: 0 to 7."""


@dataclass(frozen=True)
class RecencyFrequencyBaseline:
    """A discrete hazard of return by recency and frequency alone.

    Attributes:
        hazard: chance to be back on gap day d = 1 to H, given not before, by recency bin and active days in
            the last seven, ``[C, K, H]``, in [0, 1].
    """

    hazard: Floats

    @classmethod
    def fit(
        cls,
        recency: ArrayLike,
        frequency: ArrayLike,
        value: ArrayLike,
        event: ArrayLike,
        known: ArrayLike,
        *,
        horizon_days: int,
        pseudo_count: float = 20.0,
        weight: ArrayLike | None = None,
    ) -> RecencyFrequencyBaseline:
        r"""Count returns over those at risk, in each cell, day by day.

        .. math:: h_{cd} = (\mathrm{events}_{cd} + m \, h_d) / (\mathrm{at\ risk}_{cd} + m)

        where :math:`h_d` is the hazard of all cells together. A user-day that is censored after v days is at
        risk on days 1 to v and returns on none of them. Where nobody is at risk on day d, :math:`h_d` is that
        of the day before.

        Args:
            recency: days since the last earlier active day, >= 1; NaN for a first visit, ``[N]``.
            frequency: active days in the seven days before, 0 to 7, ``[N]``.
            value: gap or censoring time in whole days, >= 1 where known, ``[N]``.
            event: False where ``value`` is only a lower bound, ``[N]``.
            known: False for rows that do not count, ``[N]``; the others may hold anything there.
            horizon_days: H, at least 1.
            pseudo_count: m, >= 0: how many user-days the pooled hazard counts.
            weight: what a row counts, ``[N]``: one over the rows of its user-day where rows are impressions;
                ones when None.

        Raises:
            ValueError: no row is known, or an argument is out of range.
        """
        if horizon_days < 1:
            raise ValueError(f"horizon_days is {horizon_days}; it must be at least 1")
        if not pseudo_count >= 0.0:
            raise ValueError(f"pseudo_count is {pseudo_count}; it must be >= 0")
        counted = np.asarray(known, dtype=bool)
        weights = checks.row_weights(weight, num_rows=counted.size)[counted]
        if not weights.sum() > 0.0:
            raise ValueError("no user-day has a known return or absence; the baseline needs some to fit")
        (gap,) = checks.finite_columns(value=np.asarray(value)[counted])
        if (gap < 1.0).any():
            raise ValueError(f"value holds gaps below one day, the first is {gap[gap < 1.0][0]!r}")
        happened = np.asarray(event, dtype=bool)[counted]
        cell = _cells(np.asarray(recency)[counted], np.asarray(frequency)[counted])
        last = np.minimum(np.floor(gap), horizon_days).astype(np.int64)
        returned = happened & (gap <= horizon_days)
        slot = cell * horizon_days + last - 1
        shape = (NUM_RECENCY * NUM_FREQUENCY, horizon_days)
        size = shape[0] * shape[1]
        ended = np.bincount(slot, weights, minlength=size).reshape(shape).astype(np.float64)
        events = (
            np.bincount(slot[returned], weights[returned], minlength=size).reshape(shape).astype(np.float64)
        )
        at_risk = ended[:, ::-1].cumsum(axis=1)[:, ::-1]
        return cls(_smoothed(events, at_risk, pseudo_count).reshape(NUM_RECENCY, NUM_FREQUENCY, horizon_days))

    @property
    def horizon_days(self) -> int:
        """H."""
        return int(self.hazard.shape[2])

    def return_probability(self, recency: ArrayLike, frequency: ArrayLike, days: int) -> Floats:
        """Chance to be back within ``days`` days, 1 to H, ``[N]``."""
        if not 1 <= days <= self.horizon_days:
            raise ValueError(f"days is {days}; the baseline was fitted for 1 to {self.horizon_days}")
        return np.asarray(self.return_probability_by_day(recency, frequency)[:, days - 1])

    def return_probability_by_day(self, recency: ArrayLike, frequency: ArrayLike) -> Floats:
        """Chance to be back within d = 1 to H days, ``[N, H]``."""
        within = 1.0 - np.cumprod(1.0 - self.hazard.reshape(-1, self.horizon_days), axis=1)
        return np.asarray(within[_cells(np.asarray(recency), np.asarray(frequency))])


def _smoothed(events: Floats, at_risk: Floats, pseudo_count: float) -> Floats:
    """Hazards ``[cells, H]``, drawn toward the pooled one."""
    pooled_events, pooled_risk = events.sum(axis=0), at_risk.sum(axis=0)
    # Nobody is at risk after the last observed day: those days take its hazard.
    observed = int((pooled_risk > 0.0).sum())
    pooled = pooled_events[:observed] / pooled_risk[:observed]
    pooled = np.concatenate([pooled, np.full(pooled_risk.size - observed, pooled[-1])])
    total = at_risk + pseudo_count
    prior = np.broadcast_to(pooled, total.shape)
    smoothed = np.divide(events + pseudo_count * pooled, total, out=prior.copy(), where=total > 0.0)
    return np.asarray(smoothed)


def _cells(recency: Floats, frequency: Floats) -> Ints:
    """Cell of each row, ``[N]``."""
    recency, frequency = np.asarray(recency, dtype=np.float64), np.asarray(frequency, dtype=np.float64)
    checks.same_length(recency=recency, frequency=frequency)
    if (recency < 1.0).any():
        raise ValueError(
            f"recency holds {int((recency < 1.0).sum())} values below one day; a first visit is NaN"
        )
    active = np.rint(frequency)
    if not ((active >= 0) & (active < NUM_FREQUENCY)).all():
        raise ValueError("frequency must count active days in the last seven: 0 to 7")
    bins = np.searchsorted(RECENCY_EDGES, np.nan_to_num(recency, nan=0.0), side="right")
    return np.asarray(bins * NUM_FREQUENCY + active.astype(np.int64))
