"""How a quality wears off with the days since training, and when half of it is gone.

T days, R resamples.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from holdfast.core.arrays import Floats


@dataclass(frozen=True)
class DecayLine:
    """A straight line through days, by weighted least squares.

    Attributes:
        mean_day: weighted mean of the days.
        mean: weighted mean of the values, ``[...]``.
        slope: a day, ``[...]``.
    """

    mean_day: float
    mean: Floats
    slope: Floats

    def at(self, day: float) -> Floats:
        """Height of the line on a day."""
        return np.asarray(self.mean + self.slope * (day - self.mean_day))


def decay_line(days: ArrayLike, values: ArrayLike, *, weight: ArrayLike | None = None) -> DecayLine:
    """Fit a line.

    Args:
        days: since training ended, ``[T]``; at least two different ones.
        values: ``[T]`` or ``[T, R]``, a line a column.
        weight: of the days, such as their rows, >= 0, ``[T]``; ones when None.

    Raises:
        ValueError: fewer than two different days have weight.
    """
    when, heights, counts = _checked(days, values, weight)
    if np.unique(when[counts > 0.0]).size < 2:
        raise ValueError(f"days are {when[counts > 0.0].tolist()}; a line needs two different ones")
    share = counts / counts.sum()
    middle = float(share @ when)
    mean = np.asarray(np.tensordot(share, heights, axes=1))
    away = share * (when - middle)
    slope = np.tensordot(away, heights, axes=1) / float(away @ (when - middle))
    return DecayLine(middle, mean, np.asarray(slope))


def last_days_mean(days: ArrayLike, values: ArrayLike, *, weight: ArrayLike | None = None) -> Floats:
    r"""Weighted mean over the last third of the days that have weight: what was left in the end.

    .. math:: T = \frac{\sum_{t \in L} w_t v_t}{\sum_{t \in L} w_t}

    with L the last :math:`\lceil D / 3 \rceil` of the D different days. Nothing is drawn on beyond them.

    Args:
        days: since training ended, ``[T]``.
        values: ``[T]`` or ``[T, R]``.
        weight: as in ``decay_line``.

    Returns:
        Scalar array or ``[R]``.

    Raises:
        ValueError: no day has weight.
    """
    when, heights, counts = _checked(days, values, weight)
    seen = np.unique(when[counts > 0.0])
    if seen.size == 0:
        raise ValueError("no day has weight; there is no last one")
    late = (counts > 0.0) & (when >= seen[-math.ceil(seen.size / 3)])
    return np.asarray(np.tensordot(counts[late] / counts[late].sum(), heights[late], axes=1))


def _checked(days: ArrayLike, values: ArrayLike, weight: ArrayLike | None) -> tuple[Floats, Floats, Floats]:
    """Days, values and weights as arrays of one length."""
    when, heights = np.asarray(days, dtype=np.float64), np.asarray(values, dtype=np.float64)
    counts = np.ones(when.size) if weight is None else np.asarray(weight, dtype=np.float64)
    if heights.shape[0] != when.size or counts.size != when.size:
        raise ValueError(f"there are {when.size} days, {heights.shape[0]} values and {counts.size} weights")
    return when, heights, counts


@dataclass(frozen=True)
class HalfLife:
    """Days since training until half of a quality is gone, if it goes on as on the days that were seen.

    Attributes:
        days: since the end of training; None where the quality does not fall.
        low: shortest days in the interval; None where there is none.
        high: longest days in the interval; None where it is open: some resamples do not fall.
        start: the quality at the end of training, day 0, on the fitted line.
        first_day: days since training of the first day that was seen; the line is drawn back from there.
        last_day: of the last one. A half-life beyond it is an extrapolation.
        reached: whether half of it was gone by the last day that was seen.
        note: how to read it.
    """

    days: float | None
    low: float | None
    high: float | None
    start: float
    first_day: float
    last_day: float
    reached: bool
    note: str


def half_life(
    days: ArrayLike, values: ArrayLike, *, weight: ArrayLike | None = None, level: float = 0.95
) -> HalfLife | None:
    r"""Days since training until a line through the days is at half its height at the end of training.

    .. math:: t_{1/2} = \frac{v(0)}{2 \, |b|} \quad (b < 0)

    for a line ``v(t)`` of slope b, with t = 0 the last day of training. The first days are judged later than
    that, because labels mature: the line is drawn back to it. An exponential would never reach 0 and is no
    better known after few days.

    Args:
        days: since training ended, the day after it 1, ``[T]``.
        values: of a quality of which 0 is worthless (a skill, not an AUC), ``[T]`` or ``[T, 1 + R]``, where
            the first column is the value and the others are resamples.
        weight: as in ``decay_line``.
        level: share of resamples inside the interval.

    Returns:
        None where fewer than two days have weight, or the quality is worthless on the first of them.
    """
    columns = np.asarray(values, dtype=np.float64)
    columns = columns[:, None] if columns.ndim == 1 else columns
    when, heights, counts = _checked(days, columns, weight)
    seen = np.unique(when[counts > 0.0])
    if seen.size < 2:
        return None
    line = decay_line(when, heights, weight=counts)
    first, last = float(seen[0]), float(seen[-1])
    if not line.at(first)[0] > 0.0:
        return None
    start = line.at(0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        # A resample that starts worthless has lost its half at once.
        lives = np.where(line.slope < 0.0, np.maximum(start, 0.0) / (-2.0 * line.slope), np.inf)
    point = float(lives[0])
    low = high = None
    if lives.size > 1:
        tail = (1.0 - level) / 2.0
        ends = np.quantile(lives[1:], [tail, 1.0 - tail], method="inverted_cdf")
        low, high = (float(each) if np.isfinite(each) else None for each in ends)
    fell = bool(np.isfinite(point))
    reached = fell and point <= last
    until = f"until day {last:g} after training, the last one seen"
    note = (
        f"reached by day {last:g} after training, the last one seen"
        if reached
        else f"not reached {until}; beyond it is a straight line drawn on"
        if fell
        else f"not reached: no fall {until}"
    )
    if lives.size > 1 and high is None:
        note += "; the interval is open, because too many resamples do not fall"
    return HalfLife(point if fell else None, low, high, float(start[0]), first, last, reached, note)
