"""The log of a world: what a data team would have, and nothing of the truth.

N rows, Q requests, K slots.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from holdfast.core.arrays import Ints
from holdfast.core.features import Feature
from holdfast.data.card import DatasetCard
from holdfast.data.contract import accept
from holdfast.data.log import Log, local_day, local_midnight
from holdfast.simulation.draws import draws
from holdfast.simulation.items import ObservedItems
from holdfast.simulation.record import RequestRecord, reordered
from holdfast.simulation.users import DEVICES, MARKETS, ObservedUsers
from holdfast.simulation.visiting import DAY_SECONDS

FEATURES = (
    Feature(name="user_id", kind="categorical", owner="user"),
    Feature(name="market", kind="categorical", owner="user"),
    Feature(name="user_interest_tags", kind="multi_valued", owner="user", max_length=3, vocabulary="topic"),
    Feature(name="recent_topics", kind="sequence", owner="user", max_length=10, vocabulary="topic"),
    Feature(name="item_id", kind="categorical", owner="item"),
    Feature(name="topic", kind="categorical", owner="item"),
    Feature(name="content_length", kind="numeric", owner="item", scale="log"),
    Feature(name="editor_score", kind="numeric", owner="item"),
    Feature(name="headline_score", kind="numeric", owner="item"),
    Feature(name="item_age_days", kind="numeric", owner="item", scale="log"),
    Feature(name="device", kind="categorical", owner="context"),
    Feature(name="hour", kind="categorical", owner="context"),
    Feature(name="day_of_week", kind="categorical", owner="context"),
)


@dataclass(frozen=True, kw_only=True)
class Publication:
    """How the record of a world becomes a log.

    Attributes:
        start: date of day 0, ``YYYY-MM-DD``.
        time_zone: IANA name; the days of the world are days in it.
        num_days: of the log, which ends at midnight after the last of them.
        missing_share: share of the visits without a known device, in [0, 1).
        seed: of the world.
    """

    start: str
    time_zone: str
    num_days: int
    missing_share: float
    seed: int

    def in_order(self, record: RequestRecord) -> tuple[RequestRecord, Ints]:
        """The record sorted by time, and its moments in microseconds since 1970, all different, ``[Q]``."""
        midnights = self.midnights()
        length = np.diff(midnights)[record.day] / 1e6
        # Where the clocks change, the day is stretched: nothing leaves its day.
        seconds = record.seconds * length / DAY_SECONDS
        shown = midnights[record.day] + np.round(seconds * 1e6).astype(np.int64)
        order = np.lexsort((record.user, shown))
        steps = np.arange(len(order))
        return reordered(record, order), np.maximum.accumulate(shown[order] - steps) + steps

    def midnights(self) -> Ints:
        """Start of days 0 to ``num_days`` in microseconds since 1970, ``[num_days + 1]``."""
        first = local_day(pd.Timestamp(self.start, tz=self.time_zone), self.time_zone)
        days = range(first, first + self.num_days + 1)
        moments = [round(local_midnight(day, self.time_zone).timestamp()) * 1_000_000 for day in days]
        return np.asarray(moments, dtype=np.int64)

    def log(
        self,
        record: RequestRecord,
        shown: Ints,
        *,
        users: ObservedUsers,
        items: ObservedItems,
        policy: str,
        description: str,
    ) -> Log:
        """The log of a record in order; see ``in_order``.

        Raises:
            LogError: the log would break the contract (a mistake in the world).
        """
        num_slots = record.item.shape[1]
        flat = record.item.ravel()
        frame = {
            **_spread(self._request_columns(record, shown, users), num_slots),
            "item_id": flat + 1,
            "slot": np.tile(np.arange(num_slots), len(record.user)),
            "propensity": record.propensity.ravel(),
            "policy": _texts((policy,), np.zeros(len(flat), dtype=np.int64)),
            "click": record.click.ravel(),
            "dwell_seconds": record.dwell_seconds.ravel(),
            "content_seconds": items.content_seconds[flat],
            "topic": _texts(topic_names(users.declared.shape[1]), items.topic[flat]),
            "content_length": items.content_seconds[flat],
            "editor_score": items.editor_score[flat],
            "headline_score": items.headline_score[flat],
            "item_age_days": (np.repeat(record.day, num_slots) - items.birth_day[flat]).astype(np.float64),
        }
        card = DatasetCard(
            name="world",
            description=description,
            source="made up by holdfast.simulation; see docs/world.md",
            licence="Apache-2.0",
            time_zone=self.time_zone,
            propensity_of="item_in_slot",
            features=FEATURES,
            dwell_tolerance_seconds=0.0,
            notes=(
                "The rows of a request share shown_at: a slate is shown at once.",
                "The propensity is that of the item in the slot given the request's candidates, "
                "which the log does not hold.",
            ),
        )
        until = _moments(self.midnights()[-1:]).iloc[0]
        return accept(pd.DataFrame(frame), card, observed_until=until, where="the log of a world")

    def _request_columns(self, record: RequestRecord, shown: Ints, users: ObservedUsers) -> dict[str, Any]:
        """Columns that the K rows of a request share, each ``[Q]``."""
        moments = _moments(shown)
        local = moments.dt.tz_convert(self.time_zone).dt
        names = np.asarray(topic_names(users.declared.shape[1]), dtype=object)
        visit = record.user * self.num_days + record.day
        lost = draws(self.seed, "device lost").uniform(visit, 1)[:, 0] < self.missing_share
        return {
            "request_id": np.arange(len(shown)),
            "user_id": record.user + 1,
            "shown_at": moments,
            "next_visit_at": _moments(next_visits(record.user, record.day, shown)),
            "market": _texts(MARKETS, users.market[record.user]),
            "device": _texts(DEVICES, np.where(lost, -1, users.device[record.user])),
            "hour": local.hour.to_numpy(dtype=np.int64),
            "day_of_week": local.day_of_week.to_numpy(dtype=np.int64),
            "user_interest_tags": _lists([names[row] for row in users.declared])[record.user],
            "recent_topics": _lists([names[row[row >= 0]] for row in record.recent_topics]),
        }


def topic_names(num_topics: int) -> tuple[str, ...]:
    """``topic_00``, ``topic_01``, ...; numbers would look as if they had an order."""
    return tuple(f"topic_{topic:02d}" for topic in range(num_topics))


NEVER = np.iinfo(np.int64).min
"""A moment that was not seen; NumPy's code for 'not a time'."""


def next_visits(user: Ints, day: Ints, shown: Ints) -> Ints:
    """Start of the first visit of the same user on a later day, ``[Q]``; ``NEVER`` where there is none.

    Args:
        user: ``[Q]``.
        day: ``[Q]``.
        shown: moment of the request, ``[Q]``.
    """
    order = np.lexsort((shown, day, user))
    user, day, shown = user[order], day[order], shown[order]
    first = np.ones(len(user), dtype=bool)
    first[1:] = (user[1:] != user[:-1]) | (day[1:] != day[:-1])
    visit = np.cumsum(first) - 1
    user_of, start_of = user[first], shown[first]
    following = np.full(len(user_of), NEVER, dtype=np.int64)
    following[:-1] = np.where(user_of[1:] == user_of[:-1], start_of[1:], NEVER)
    back = np.empty_like(following, shape=len(user))
    back[order] = following[visit]
    return back


def _moments(micros: Ints) -> pd.Series:
    return pd.Series(micros.astype("datetime64[us]")).dt.tz_localize("UTC")


def _texts(names: tuple[str, ...], code: Ints) -> pd.Series:
    """The names at the codes; null where the code is -1."""
    values = pd.array([*names], dtype="str").take(code, allow_fill=True)
    return pd.Series(values)


def _lists(values: list[NDArray[Any]]) -> NDArray[Any]:
    """The lists as cells; null where there is nothing to list: no history is no value."""
    return np.fromiter((value if len(value) else None for value in values), dtype=object, count=len(values))


def _spread(columns: dict[str, Any], num_slots: int) -> dict[str, Any]:
    """Columns of requests as columns of rows."""
    return {
        name: column.repeat(num_slots).reset_index(drop=True)
        if isinstance(column, pd.Series)
        else np.repeat(column, num_slots)
        for name, column in columns.items()
    }
