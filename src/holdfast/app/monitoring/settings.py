"""How a log is watched."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal

import pandas as pd

from holdfast.monitoring.alarm_control import Control, check_control, check_rate
from holdfast.monitoring.retraining import LOOKS


@dataclass(frozen=True, kw_only=True)
class MonitorSettings:
    """How a log is cut into windows, and what is an alarm.

    Attributes:
        window: length of a window in whole local days, such as ``1d`` or ``7d``.
        start: first day that is watched, such as ``2024-05-01``; None for the day after the reference ends,
            or the log's first whole day where that is later.
        end: the day before which watching ends; None for the last whole day of the log.
        rate: the false-alarm rate, in (0, 1); of what, ``control`` says.
        control: ``bh``, ``holm``, ``sequential`` or ``none``; see docs/monitoring.md.
        season: ``weekday`` compares like weekdays with like where the reference has two of each; ``none``.
        tolerance: relative harm that is tolerated, >= 0.
        looks: windows in a row, or columns and heads in one, in which a change must be harmful before it asks
            for training, at least 1.
        slices: features by whose values calibration is told; None for those with at most eight values.
        ignore: columns that are not compared.
        harm_rows: rows of the reference on which an alarm's harm is estimated, at least 10.
        most_rows: rows of a window that are held in memory, at least 1000; of a window with more a sample.
    """

    window: str = "1d"
    start: str | None = None
    end: str | None = None
    rate: float = 0.05
    control: Control = "bh"
    season: Literal["weekday", "none"] = "weekday"
    tolerance: float = 0.05
    looks: int = LOOKS
    slices: list[str] | None = None
    ignore: list[str] = field(default_factory=list)
    harm_rows: int = 500
    most_rows: int = 2_000_000

    def __post_init__(self) -> None:
        check_rate(self.rate)
        check_control(self.control)
        if not re.fullmatch(r"[1-9]\d*d", self.window):
            raise ValueError(f"window is {self.window!r}; write whole days, such as 1d or 7d")
        if self.season not in ("weekday", "none"):
            raise ValueError(f"season is {self.season!r}; choose weekday or none")
        if self.tolerance < 0.0:
            raise ValueError(f"tolerance is {self.tolerance}; it must be at least 0")
        if self.looks < 1:
            raise ValueError(f"looks is {self.looks}; it must be at least 1, which acts on the first window")
        if self.harm_rows < 10:
            raise ValueError(f"harm_rows is {self.harm_rows}; at least 10 rows are needed")
        if self.most_rows < 1000:
            raise ValueError(f"most_rows is {self.most_rows}; a window needs 1000 rows or more to be sampled")
        for name in ("start", "end"):
            text = getattr(self, name)
            if text is not None and not re.fullmatch(r"\d{4}-\d{2}-\d{2}", str(text)):
                raise ValueError(f"{name} is {text!r}; write a day, such as 2024-05-01")
            if text is not None:
                _day(text, name=name)
        if self.start is not None and self.end is not None and self.start >= self.end:
            raise ValueError(f"start is {self.start} and end is {self.end}; end must be a later day")

    @property
    def window_days(self) -> int:
        """Length of a window."""
        return int(self.window[:-1])

    def day(self, name: Literal["start", "end"]) -> int | None:
        """A bound as days since 1970-01-01; None where it is not set."""
        text = getattr(self, name)
        return None if text is None else _day(text, name=name)


def _day(text: str, *, name: str) -> int:
    try:
        return (pd.Timestamp(text) - pd.Timestamp(0)).days
    except ValueError as error:
        raise ValueError(f"{name} is {text!r}, which is no day of the calendar") from error
