"""Seasons and holidays: everybody comes more, or less, for a while."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from holdfast.simulation.changes.schedule import Change


@dataclass(frozen=True, kw_only=True)
class Season(Change):
    r"""A wave in the log odds of return: :math:`level(t) \sin(2 \pi (t - start) / period)`.

    Attributes:
        strength: height of the wave, log odds, in [-5, 5].
        period_days: length of the wave, at least 2.
    """

    period_days: int = 28

    LEAST: ClassVar[float] = -5.0
    MOST: ClassVar[float] = 5.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.period_days < 2:
            raise ValueError(f"period_days is {self.period_days}; it must be at least 2")

    def log_odds(self, day: int) -> float:
        """What it adds to the log odds of return on a day."""
        return self.level(day) * math.sin(2.0 * math.pi * (day - self.start_day) / self.period_days)


@dataclass(frozen=True, kw_only=True)
class Holiday(Change):
    r"""A hump in the log odds of return on the days of the ramp, and nothing after them.

    .. math:: strength \cdot \sin^2(\pi (t - start + 1/2) / ramp), \qquad start \le t < start + ramp

    Attributes:
        strength: height of the hump, log odds; below 0 people have something better to do. In [-5, 5].
    """

    LEAST: ClassVar[float] = -5.0
    MOST: ClassVar[float] = 5.0

    def log_odds(self, day: int) -> float:
        """What it adds to the log odds of return on a day."""
        if not self.start_day <= day < self.start_day + self.ramp_days:
            return 0.0
        return self.strength * math.sin(math.pi * (day - self.start_day + 0.5) / self.ramp_days) ** 2
