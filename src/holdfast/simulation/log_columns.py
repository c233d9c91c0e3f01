"""The columns of a world's log: what a data team would have, and nothing of the truth.

N rows, Q requests, K slots, H clicked items remembered.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from holdfast.core.arrays import Bools, Floats, Ints
from holdfast.core.features import Feature
from holdfast.simulation.items import ObservedItems
from holdfast.simulation.policy import Requests
from holdfast.simulation.record import Day, RequestRecord
from holdfast.simulation.users import DEVICES, MARKETS, ObservedUsers

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

NEVER = np.iinfo(np.int64).min
"""A moment that was not seen; NumPy's code for 'not a time'."""


def request_columns(
    requests: RequestRecord | Requests, users: ObservedUsers, *, device_lost: Bools
) -> dict[str, pa.Array]:
    """Features that the rows of a request share, each ``[Q]``.

    Args:
        requests: who asked, and what they had clicked before.
        users: all of them.
        device_lost: whether the device of the visit is not known, ``[Q]``.
    """
    user = requests.user
    topics = topic_names(users.declared.shape[1])
    return {
        "user_id": pa.array(user.astype(np.int64) + 1),
        "market": _texts(MARKETS, users.market[user]),
        "device": _texts(DEVICES, users.device[user], missing=device_lost),
        "user_interest_tags": _lists(topics, *_positions(users.declared[user])),
        "recent_topics": _lists(topics, *_known(requests.recent_topics)),
    }


def row_columns(day: Day, items: ObservedItems, *, num_topics: int) -> dict[str, pa.Array]:
    """What differs between the rows of a request, each ``[N]``.

    Args:
        day: the requests.
        items: all of them, as the sensors have them on this day.
        num_topics: G.
    """
    requests = day.requests
    item = requests.item.ravel()
    num_requests, num_slots = requests.item.shape
    dwell = requests.dwell_seconds.ravel()
    return {
        "item_id": pa.array(item.astype(np.int64) + 1),
        "slot": pa.array(np.tile(np.arange(num_slots), num_requests)),
        "propensity": pa.array(requests.propensity.ravel()),
        "policy": _texts((day.policy,), np.zeros(len(item), dtype=np.int32)),
        "click": pa.array(requests.click.ravel()),
        "dwell_seconds": _numbers(dwell),
        "content_seconds": pa.array(items.content_seconds[item]),
        "topic": _texts(topic_names(num_topics), items.topic[item]),
        "content_length": _numbers(items.content_length[item]),
        "editor_score": _numbers(items.editor_score[item]),
        "headline_score": _numbers(items.headline_score[item]),
        "item_age_days": pa.array((day.day - items.birth_day[item]).astype(np.float64)),
    }


def candidate_column(candidates: Ints) -> pa.ListArray:
    """Ids of the items that requests could choose from ``[Q, C]``, a list a request ``[Q]``."""
    num_requests, num_candidates = candidates.shape
    ends = np.arange(num_requests + 1, dtype=np.int32) * num_candidates
    return pa.ListArray.from_arrays(pa.array(ends), pa.array(candidates.ravel().astype(np.int64) + 1))


def topic_names(num_topics: int) -> tuple[str, ...]:
    """``topic_00``, ``topic_01``, ...; numbers would look as if they had an order."""
    return tuple(f"topic_{topic:02d}" for topic in range(num_topics))


def moments(micros: Ints) -> pa.Array:
    """Microseconds since 1970 as timestamps in UTC; null where ``NEVER``."""
    return pa.array(micros, mask=micros == NEVER).cast(pa.timestamp("us", tz="UTC"))


def _numbers(values: Floats) -> pa.Array:
    """Numbers; null where NaN."""
    return pa.array(values, from_pandas=True)


def _texts(names: tuple[str, ...], code: Ints, *, missing: Bools | None = None) -> pa.Array:
    codes = pa.array(code.astype(np.int32), mask=missing)
    return pa.DictionaryArray.from_arrays(codes, pa.array(names, type=pa.string()))


def _positions(chosen: Bools) -> tuple[Ints, Ints]:
    """Columns that are true, row after row, and how many a row has ``[Q]``."""
    return np.nonzero(chosen)[1], chosen.sum(axis=1)


def _known(codes: Ints) -> tuple[Ints, Ints]:
    """Codes of 0 and above, row after row, and how many a row has ``[Q]``."""
    return codes[codes >= 0], (codes >= 0).sum(axis=1)


def _lists(names: tuple[str, ...], codes: Ints, length: Ints) -> pa.Array:
    """Lists of names; null where there is nothing to list: no history is no value."""
    ends = np.zeros(len(length) + 1, dtype=np.int32)
    np.cumsum(length, out=ends[1:])
    return pa.ListArray.from_arrays(pa.array(ends), _texts(names, codes), mask=pa.array(length == 0))
