"""Days of a world in its time zone: how long they are where the clocks change."""

from __future__ import annotations

import numpy as np
import pandas as pd

from holdfast.core.arrays import Floats

DAY_SECONDS = 86_400.0
MICROSECONDS = 1_000_000


def first_date(start: str) -> int:
    """Days from 1970-01-01 to ``start``, ``YYYY-MM-DD``."""
    return int(np.datetime64(start, "D").astype(np.int64))


def day_lengths(*, start: str, time_zone: str, first_day: int, end_day: int) -> Floats:
    """Seconds from the midnight that begins each day to the next, ``[D]``; none for a date that was left out.

    Where the clocks skip midnight a day begins when they go on.

    Args:
        start: date of day 0, ``YYYY-MM-DD``.
        time_zone: IANA name.
        first_day: of the days asked about.
        end_day: the day after the last of them.
    """
    days = first_date(start) + np.arange(first_day, end_day + 1)
    local = pd.DatetimeIndex(days.astype("datetime64[D]").astype("datetime64[us]"))
    # The first of two midnights begins the day, as in ``local_midnight``.
    first = np.ones(len(days), dtype=bool)
    midnight = local.tz_localize(time_zone, nonexistent="shift_forward", ambiguous=first)
    moments = midnight.tz_convert("UTC").as_unit("us").asi8
    return np.asarray(np.diff(moments) / MICROSECONDS)


def short_days(*, start: str, time_zone: str, first_day: int, end_day: int) -> dict[int, float]:
    """The days with fewer than 24 hours, and their seconds; arguments as of ``day_lengths``."""
    lengths = day_lengths(start=start, time_zone=time_zone, first_day=first_day, end_day=end_day)
    return {first_day + int(each): float(lengths[each]) for each in np.flatnonzero(lengths < DAY_SECONDS)}
