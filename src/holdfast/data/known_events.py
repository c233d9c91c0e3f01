"""When what happened became known, and what sums of it say: the pieces that every history is made of.

N rows of a log, E events.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from holdfast.core.arrays import Bools, Floats, Ints
from holdfast.data.log import local_midnight

MICROSECONDS = 1_000_000
"""In a second."""
DAY = 86_400 * MICROSECONDS
"""Microseconds of a day of 24 hours, the unit of trailing windows."""

# Longer than any dwell, short enough that its end still fits into 64 bits.
_LONGEST_DWELL_SECONDS = 1e9


def microseconds(moments: pd.Series) -> Ints:
    """Moments as microseconds since 1970, int64 ``[N]``."""
    return np.asarray(moments.dt.as_unit("us").astype(np.int64).to_numpy())


def moments_of(micros: Ints) -> pd.Series:
    """Microseconds since 1970 as moments in UTC, ``[N]``."""
    return pd.Series(micros.astype("datetime64[us]")).dt.tz_localize("UTC")


def request_start(frame: pd.DataFrame, times: Ints) -> Ints:
    """First moment of each row's request, ``[N]``; the row's own where the log knows no requests."""
    if "request_id" not in frame or len(frame) == 0:
        return times
    request = pd.factorize(frame["request_id"])[0].astype(np.int64)
    start = np.full(int(request.max()) + 2, np.iinfo(np.int64).max)
    np.minimum.at(start, request, times)
    return np.where(request >= 0, start[request], times)


def nightly_cutoff(day: Ints, time_zone: str) -> Ints:
    """The midnight that begins each local day, in microseconds since 1970, ``[N]``.

    Args:
        day: local days since 1970-01-01, ``[N]``.
        time_zone: IANA name.
    """
    days, place = np.unique(day, return_inverse=True)
    starts = [round(local_midnight(int(each), time_zone).timestamp()) * MICROSECONDS for each in days]
    return np.asarray(starts, dtype=np.int64)[place]


def judged_and_clicked(frame: pd.DataFrame) -> tuple[Bools, Bools]:
    """Whether it is known if a row was clicked, and whether it is known that it was, ``[N]`` each."""
    click = frame["click"].astype("boolean")
    return click.notna().to_numpy(dtype=bool), click.fillna(False).to_numpy(dtype=bool)


def ended_dwell(frame: pd.DataFrame, times: Ints, clicked: Bools) -> tuple[Bools, Ints, Ints]:
    """Dwell on opened rows that ended.

    Returns:
        Which rows ended ``[N]``; when, in microseconds since 1970 ``[E]``; after how many milliseconds
        ``[E]``.
    """
    dwell = frame["dwell_seconds"].to_numpy(dtype=np.float64)
    ended = clicked & ~np.isnan(dwell)
    if "dwell_cut" in frame:
        ended &= ~frame["dwell_cut"].to_numpy(dtype=bool)
    seconds = np.clip(dwell[ended], 0.0, _LONGEST_DWELL_SECONDS)
    end = times[ended] + np.ceil(seconds * MICROSECONDS).astype(np.int64)
    return ended, end, np.rint(seconds * 1e3).astype(np.int64)


def smoothed_rate(clicks: Ints, judged: Ints, *, prior: Floats, smoothing: float) -> Floats:
    """Click rate as if ``smoothing`` more rows had had the prior rate; NaN where nothing is known."""
    known = ~np.isnan(prior)
    with np.errstate(invalid="ignore"):
        return (clicks + smoothing * np.where(known, prior, 0.0)) / (judged + np.where(known, smoothing, 0.0))


def mean_dwell_seconds(milliseconds: Ints, num_read: Ints) -> Floats:
    """Mean dwell of ``num_read`` rows; NaN where there are none."""
    with np.errstate(invalid="ignore"):
        return np.asarray(milliseconds / num_read / 1e3)
