"""One measured number, with its uncertainty and what must be known to read it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from holdfast.core.arrays import Floats

WeightedMetric = Callable[[Floats], float | None]
"""A metric prepared on its rows, sorted once: from row weights ``[N]`` to a value; None where undefined."""

WEIGHTED_SUFFIX = "/ipw"
"""Ends the name of a propensity-weighted metric."""


@dataclass(frozen=True)
class MetricValue:
    """A metric of one window.

    Attributes:
        name: stable, such as ``click/auc``; ends with ``/ipw`` where propensity-weighted.
        value: None where the metric is undefined; ``note`` then says why. Never NaN.
        low: lower end of the interval; None where there is none.
        high: upper end of the interval; None where there is none.
        n: units that count: rows, user-days (retention) or requests (ranking).
        weighted: whether rows were propensity-weighted.
        note: what a reader must know; empty where nothing.
    """

    name: str
    value: float | None
    low: float | None
    high: float | None
    n: int
    weighted: bool
    note: str

    def __post_init__(self) -> None:
        for field in ("value", "low", "high"):
            number = getattr(self, field)
            if number is not None and not math.isfinite(number):
                raise ValueError(f"metric {self.name!r}: {field} is {number}; an undefined one is None")
        if self.value is None and not self.note:
            raise ValueError(f"metric {self.name!r} is undefined, and no note says why")

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON or a table."""
        return asdict(self)
