"""When users came back: the first moment of each of their active days, and the next such day.

N rows.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from holdfast.data.log import local_days


def active_days(user_id: pd.Series, moment: pd.Series, *, time_zone: str) -> pd.DataFrame:
    """One row per user and local day: ``user_id``, ``day`` (since 1970-01-01) and ``starts_at``.

    Args:
        user_id: ``[N]``, in the order of ``moment``.
        moment: when the user was seen, with a time zone, ``[N]``; not null.
        time_zone: in which days are counted.
    """
    seen = pd.DataFrame(
        {
            "user_id": user_id.to_numpy(),
            "day": local_days(moment, time_zone),
            "starts_at": moment.to_numpy(dtype="datetime64[us]"),
        }
    )
    return _first(seen)


def visits_of(days: pd.DataFrame) -> pd.DataFrame:
    """What ``Log.visits`` wants: ``user_id`` and ``visited_at``, the start of each active day, in UTC."""
    return pd.DataFrame(
        {"user_id": days["user_id"], "visited_at": days["starts_at"].dt.tz_localize("UTC").dt.as_unit("us")}
    )


def merge_active_days(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The active days of several parts of a log; a day seen in two starts with the earlier."""
    return _first(pd.concat(parts, ignore_index=True))


def _first(seen: pd.DataFrame) -> pd.DataFrame:
    return seen.groupby(["user_id", "day"], as_index=False, sort=True).agg({"starts_at": "min"})


def next_visits(user_id: pd.Series, shown_at: pd.Series, days: pd.DataFrame, *, time_zone: str) -> pd.Series:
    """Start of each row's user's first visit on a later local day, UTC ``[N]``; null where none was seen.

    Args:
        user_id: ``[N]``.
        shown_at: with a time zone, ``[N]``.
        days: from ``active_days``; holds every user and day of the rows.
        time_zone: in which days are counted.
    """
    following = days[["user_id", "day"]].assign(
        next_visit_at=days.groupby("user_id")["starts_at"].shift(-1).dt.tz_localize("UTC")
    )
    rows = pd.DataFrame({"user_id": user_id.to_numpy(), "day": local_days(shown_at, time_zone)})
    return rows.merge(following, on=["user_id", "day"], how="left", validate="many_to_one")["next_visit_at"]
