"""How a quality wears off with the days since training, and when half of it is gone.

T days, R resamples.
"""

from __future__ import annotations

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
        last_day: the last one.
    """

    mean_day: float
    mean: Floats
    slope: Floats
    last_day: float

    def at(self, day: float) -> Floats:
        """Height of the line on a day."""
        return np.asarray(self.mean + self.slope * (day - self.mean_day))

    @property
    def fall_to_last_day(self) -> Floats:
        """How far the line's last day lies below its mean day; below 0 where it rises."""
        return np.asarray(-self.slope * (self.last_day - self.mean_day))


def decay_line(days: ArrayLike, values: ArrayLike, *, weight: ArrayLike | None = None) -> DecayLine:
    """Fit a line.

    Args:
        days: since training ended, ``[T]``; at least two different ones.
        values: ``[T]`` or ``[T, R]``, a line a column.
        weight: of the days, such as their rows, >= 0, ``[T]``; ones when None.

    Raises:
        ValueError: fewer than two different days have weight.
    """
    when, heights = np.asarray(days, dtype=np.float64), np.asarray(values, dtype=np.float64)
    counts = np.ones(when.size) if weight is None else np.asarray(weight, dtype=np.float64)
    if heights.shape[0] != when.size or counts.size != when.size:
        raise ValueError(f"there are {when.size} days, {heights.shape[0]} values and {counts.size} weights")
    if np.unique(when[counts > 0.0]).size < 2:
        raise ValueError(f"days are {when[counts > 0.0].tolist()}; a line needs two different ones")
    share = counts / counts.sum()
    middle = float(share @ when)
    mean = np.asarray(np.tensordot(share, heights, axes=1))
    away = share * (when - middle)
    slope = np.tensordot(away, heights, axes=1) / float(away @ (when - middle))
    return DecayLine(middle, mean, np.asarray(slope), float(when[counts > 0.0].max()))


@dataclass(frozen=True)
class HalfLife:
    """Days until half of a quality is gone, if the first days go on.

    Attributes:
        days: None where the quality does not fall.
        low: shortest days in the interval; None where there is none.
        high: longest days in the interval; None where it is open: some resamples do not fall.
        start: the quality of the first day, on the fitted curve.
        seen_days: length of what was seen. A half-life beyond it is an extrapolation.
        reached: whether half of it was gone within the days that were seen.
        note: how to read it.
    """

    days: float | None
    low: float | None
    high: float | None
    start: float
    seen_days: float
    reached: bool
    note: str


def half_life(
    days: ArrayLike, values: ArrayLike, *, weight: ArrayLike | None = None, level: float = 0.95
) -> HalfLife | None:
    r"""Days from the first one until a straight line through the days is at half its first height.

    .. math:: t_{1/2} = \frac{v(t_1)}{2 \, |b|} \quad (b < 0)

    for a line ``v(t)`` of slope b. An exponential would never reach 0 and is no better known after few days.

    Args:
        days: since training ended, ``[T]``.
        values: of a quality of which 0 is worthless (a skill, not an AUC), ``[T]`` or ``[T, 1 + R]``, where
            the first column is the value and the others are resamples.
        weight: as in ``decay_line``.
        level: share of resamples inside the interval.

    Returns:
        None where there are fewer than two days, or the quality is worthless from the start.
    """
    heights = np.asarray(values, dtype=np.float64)
    heights = heights[:, None] if heights.ndim == 1 else heights
    when = np.asarray(days, dtype=np.float64)
    if np.unique(when).size < 2:
        return None
    line = decay_line(when, heights, weight=weight)
    first, seen = float(when.min()), float(np.ptp(when))
    start = line.at(first)
    if not start[0] > 0.0:
        return None
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
    reached = fell and point <= seen
    note = (
        f"reached within the {seen + 1:g} days seen"
        if reached
        else f"not reached in the {seen + 1:g} days seen; beyond them it is a straight line drawn on"
        if fell
        else f"not reached: no fall in the {seen + 1:g} days seen"
    )
    if lives.size > 1 and high is None:
        note += "; the interval is open, because too many resamples do not fall"
    return HalfLife(point if fell else None, low, high, float(start[0]), seen, reached, note)
