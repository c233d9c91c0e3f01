"""When a change comes, how fast, and how strongly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, kw_only=True)
class Change:
    r"""A change of a world with a start, a ramp and a strength; at strength 0 there is none.

    .. math:: level(t) = strength \cdot \min(1, \max(0, (t - start + 1) / ramp))

    so the first day already has a part of it, and the day ``start + ramp - 1`` all of it.

    Attributes:
        start_day: first day of the change, at least 0; day 0 is the first of the log.
        ramp_days: days until all of it is there, at least 1.
        strength: how strong it gets; what that means, each change says.
    """

    start_day: int = 20
    ramp_days: int = 7
    strength: float = 0.0

    LEAST: ClassVar[float] = 0.0
    MOST: ClassVar[float] = 1.0

    def __post_init__(self) -> None:
        if self.start_day < 0:
            raise ValueError(f"start_day is {self.start_day}; it must be at least 0")
        if self.ramp_days < 1:
            raise ValueError(f"ramp_days is {self.ramp_days}; it must be at least 1")
        if not self.LEAST <= self.strength <= self.MOST:
            raise ValueError(f"strength is {self.strength}; it must be from {self.LEAST:g} to {self.MOST:g}")

    def level(self, day: int) -> float:
        """How much of the change is there on a day, between 0 and ``strength``."""
        return self.strength * min(1.0, max(0.0, (day - self.start_day + 1) / self.ramp_days))
