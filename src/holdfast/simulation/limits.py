"""What a world can be: the ranges of its parameters, and how they have to fit each other."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import date
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

from holdfast.simulation.calendar import day_lengths, first_date
from holdfast.simulation.items import LONGEST_SECONDS
from holdfast.simulation.visiting import latest_start

LEAST = {
    "num_users": 1,
    "num_items": 1,
    "num_days": 2,
    "later_days": 0,
    "num_topics": 2,
    "slots": 1,
    "candidates": 1,
    "seed": 0,
    "burn_in_days": 0,
}


def _finite_from_0(value: float) -> bool:
    return 0.0 <= value < math.inf


Range = tuple[str, Callable[[float], bool]]
_SHARE: Range = ("from 0 to 1", lambda value: 0.0 <= value <= 1.0)
_SHARE_BELOW_1: Range = ("at least 0 and below 1", lambda value: 0.0 <= value < 1.0)
_FROM_0: Range = ("at least 0", _finite_from_0)
_FINITE: Range = ("a finite number", math.isfinite)

RANGES: dict[str, Range] = {
    "exploration": _SHARE,
    "established_share": _SHARE,
    "missing_share": _SHARE_BELOW_1,
    "half_life_days": ("above 0", lambda value: 0.0 < value < math.inf),
    "examination_decay": _FROM_0,
    "frailty_sd": _FROM_0,
    "gap_effect": _FROM_0,
    "satisfaction_memory": ("above 0 and at most 1", lambda value: 0.0 < value <= 1.0),
    "fatigue_kept": _SHARE_BELOW_1,
    "interest_drift": _FROM_0,
    "click_level": _FINITE,
    "clickbait_appeal": _FINITE,
    "clickbait_cost": _FINITE,
    "return_level": _FINITE,
    "satisfaction_effect": _FINITE,
    "season_effect": _FINITE,
}


def check_sizes(sizes: Mapping[str, int]) -> None:
    """Refuse counts that are too small or do not fit each other.

    Args:
        sizes: a value for each name of ``LEAST``.

    Raises:
        ValueError: names the field, its value and what to do.
    """
    for name, bound in LEAST.items():
        if sizes[name] < bound:
            raise ValueError(f"{name} is {sizes[name]}; it must be at least {bound}")
    slots, candidates, num_items = sizes["slots"], sizes["candidates"], sizes["num_items"]
    if slots > candidates:
        raise ValueError(
            f"slots is {slots} and candidates is {candidates}; a slate cannot be longer than "
            "what it is chosen from: lower slots or raise candidates"
        )
    if candidates > num_items:
        raise ValueError(
            f"candidates is {candidates} and num_items is {num_items}; lower candidates or raise num_items"
        )
    if latest_start(slots, longest_seconds=LONGEST_SECONDS) < 12 * 3600:
        raise ValueError(f"slots is {slots}; a slate of more than 72 items cannot be read within a day")


def check_numbers(numbers: Mapping[str, float]) -> None:
    """Refuse numbers out of range, NaN included.

    Args:
        numbers: a value for each name of ``RANGES``.

    Raises:
        ValueError: names the field, its value and the range.
    """
    for name, (allowed, holds) in RANGES.items():
        if not holds(numbers[name]):
            raise ValueError(f"{name} is {numbers[name]}; it must be {allowed}")


YEARS = (1900, 2199)
SHORTEST_DAY, LONGEST_DAY = 20 * 3600.0, 28 * 3600.0
"""Clocks change by an hour or two; a place that changes sides of the date line loses or repeats a day."""


def check_calendar(*, start: str, time_zone: str, first_day: int = 0, end_day: int = 1) -> None:
    """Refuse a first day or a time zone that does not exist, and days that a world cannot live through.

    Args:
        start: date of day 0.
        time_zone: IANA name.
        first_day: the first day that runs.
        end_day: the day after the last one.

    Raises:
        ValueError: names the field and its value; of a day that is odd, its date.
    """
    try:
        if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", start):
            raise ValueError("another form")
        date.fromisoformat(start)
    except ValueError as error:
        raise ValueError(f"start is {start!r}; it must be a date, YYYY-MM-DD") from error
    try:
        ZoneInfo(time_zone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError(f"time_zone is {time_zone!r}; it must be an IANA name, such as UTC") from error
    first, last = _date(start, first_day), _date(start, end_day)
    if first < np.datetime64(f"{YEARS[0]}-01-01") or last > np.datetime64(f"{YEARS[1]}-12-31"):
        raise ValueError(
            f"start is {start!r}, and the days that run go from {first} to {last}; choose a start for "
            f"which they lie in the years {YEARS[0]} to {YEARS[1]}"
        )
    seconds = day_lengths(start=start, time_zone=time_zone, first_day=first_day, end_day=end_day)
    odd = np.flatnonzero((seconds < SHORTEST_DAY) | (seconds > LONGEST_DAY))
    if len(odd):
        day, length = _date(start, first_day + int(odd[0])), seconds[odd[0]] / 3600
        what = f"the day {day} has {length:g} hours" if length > 0 else f"the day {day} was left out"
        raise ValueError(
            f"time_zone is {time_zone!r}, and there {what}; choose a start (it is {start!r}) whose days, "
            "those before the log included, stay clear of it, or another time_zone"
        )


def _date(start: str, day: int) -> np.datetime64:
    return np.datetime64(first_date(start) + day, "D")
