"""What tests of all floors share: a small log that has everything a log may have."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from holdfast.core.features import Feature
from holdfast.data.card import OBJECTIVES, DatasetCard
from holdfast.data.log import Log, local_midnight

FEATURES = (
    Feature(name="item_id", kind="categorical", owner="item", vocabulary="item"),
    Feature(name="user_group", kind="categorical", owner="user"),
    Feature(name="is_mobile", kind="categorical", owner="context"),
    Feature(name="user_age", kind="numeric", owner="user"),
    Feature(name="item_price", kind="numeric", owner="item", scale="log"),
    Feature(name="item_topics", kind="multi_valued", owner="item", max_length=3),
    Feature(name="user_recent", kind="sequence", owner="user", max_length=4, vocabulary="item"),
)
"""One of each kind; ``item_id`` and ``user_recent`` share a vocabulary."""


def _make_log(
    seed: int = 0,
    num_users: int = 30,
    num_days: int = 20,
    *,
    num_items: int = 40,
    slots: int = 3,
    time_zone: str = "Europe/Copenhagen",
    first_day: str = "2024-03-20",
    text_ids: bool = False,
    visit_rate: float = 0.5,
) -> Log:
    """A log of ``num_users * num_days * visit_rate`` visits, each of one request with ``slots`` impressions.

    It starts at midnight of ``first_day`` in ``time_zone``, over a change of the clocks by default, and is
    observed for ``num_days`` whole days. Numbers, categories and lists have nulls.
    """
    rng = np.random.default_rng(seed)
    first = (pd.Timestamp(first_day) - pd.Timestamp("1970-01-01")).days
    visits = np.argwhere(rng.random((num_days, num_users)) < visit_rate)
    midnight = [local_midnight(first + day, time_zone) for day in range(num_days + 1)]
    # Twenty-two hours: every local day has those, whatever the clocks do.
    at = [midnight[day] + pd.Timedelta(int(rng.integers(22 * 3600 * 10**6)), unit="us") for day, _ in visits]
    requests = pd.DataFrame({"user": visits[:, 1], "day": visits[:, 0], "shown_at": pd.DatetimeIndex(at)})
    requests["shown_at"] = requests["shown_at"].dt.as_unit("us")
    requests = requests.sort_values(["user", "day"])
    requests["next_visit_at"] = requests.groupby("user")["shown_at"].shift(-1)
    requests = requests.sort_values("shown_at", kind="stable").reset_index(drop=True)

    frame = requests.loc[requests.index.repeat(slots)].reset_index(drop=True)
    num_rows = len(frame)
    item = np.minimum(rng.geometric(0.1, num_rows), num_items) - 1
    click = rng.random(num_rows) < 0.15 + 0.3 * (item % 3 == 0)
    content = np.where(item % 5 == 0, np.nan, 30.0 + 10.0 * item)
    dwell = np.where(click, rng.lognormal(4.0, 1.0, num_rows), np.nan)
    dwell = np.where(dwell > content, content, dwell)
    request = np.repeat(np.arange(len(requests)), slots)
    group = rng.choice(np.array(["north", "south", "east"], dtype=object), num_users)
    group[rng.random(num_users) < 0.1] = None
    age = np.where(rng.random(num_users) < 0.2, np.nan, rng.integers(18, 80, num_users))
    price = np.exp(rng.normal(3.0, 2.0, num_items))
    topics = [[f"topic{each}" for each in rng.integers(0, 6, size)] for size in rng.integers(0, 6, num_items)]
    recent = [rng.integers(0, num_items, size) for size in rng.integers(0, 7, num_rows)]
    user = frame["user"].to_numpy()
    table = pd.DataFrame(
        {
            "request_id": [f"r{each}" for each in request] if text_ids else request,
            "user_id": [f"u{each}" for each in user] if text_ids else user,
            "item_id": [f"i{each}" for each in item] if text_ids else item,
            "shown_at": frame["shown_at"],
            "slot": np.tile(np.arange(slots), len(requests)),
            "propensity": rng.uniform(0.05, 1.0, num_rows),
            "policy": "made@1",
            "click": click,
            "dwell_seconds": dwell,
            "content_seconds": content,
            "next_visit_at": frame["next_visit_at"],
            "user_group": pd.Series(group[user], dtype="str"),
            "is_mobile": rng.random(num_rows) < 0.4,
            "user_age": age[user],
            "item_price": price[item],
            "item_topics": pd.Series([topics[each] or None for each in item], dtype=object),
            "user_recent": pd.Series(
                [[f"i{each}" if text_ids else int(each) for each in items] for items in recent], dtype=object
            ),
        }
    )
    card = DatasetCard(
        name="made",
        description="Made up for tests.",
        time_zone=time_zone,
        propensity_of="item_in_slot",
        outcomes=OBJECTIVES,
        features=FEATURES,
    )
    return Log(table, card, midnight[num_days])


@pytest.fixture(scope="session")
def make_log() -> Callable[..., Log]:
    """The function that makes such a log: ``make_log(seed, num_users, num_days, ...)``."""
    return _make_log
