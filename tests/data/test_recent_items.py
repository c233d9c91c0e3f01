"""The last clicked items against a slow, plain reference: for each row, a loop over the rows before it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from holdfast.core.errors import UserError
from holdfast.core.features import Feature
from holdfast.data.card import DatasetCard
from holdfast.data.encoder import EncoderSettings, fit_encoder
from holdfast.data.history import TrailingHistory
from holdfast.data.log import Log, local_day, local_midnight
from holdfast.data.recent_items import RECENT_GAPS, RECENT_ITEMS, RecentItems, gap_bucket, recent_features

ITEM = Feature(name="item_id", kind="categorical", owner="item")


def with_items(log: Log) -> Log:
    """A log whose card declares the items as past items want them."""
    return replace(log, card=replace(log.card, features=(ITEM,)))


def reference(log: Log, history: TrailingHistory) -> list[tuple[list, list]]:
    rows = log.frame.to_dict("records")
    lag = pd.Timedelta(seconds=history.lag_seconds)
    result = []
    for row in rows:
        moment = min(other["shown_at"] for other in rows if other["request_id"] == row["request_id"])
        if history.refresh == "nightly":
            moment = local_midnight(local_day(moment, log.card.time_zone), log.card.time_zone)
        last = [
            other
            for other in rows
            if other["user_id"] == row["user_id"] and other["click"] and other["shown_at"] < moment - lag
        ][-history.recent_items :]
        gaps = [int((moment - other["shown_at"]).total_seconds()).bit_length() for other in last]
        result.append(([other["item_id"] for other in last], gaps))
    return result


@pytest.mark.parametrize("refresh", ["at_once", "nightly"])
@pytest.mark.parametrize(
    ("num_items", "lag_seconds", "text_ids"),
    [(1, 0.0, False), (3, 5 * 3600.0, True), (100, 30 * 3600.0, False)],
)
def test_against_the_plain_reference(make_log: Callable[..., Log], refresh, num_items, lag_seconds, text_ids):
    log = with_items(make_log(seed=3, num_users=8, num_days=14, num_items=12, text_ids=text_ids))
    history = TrailingHistory(refresh=refresh, recent_items=num_items, lag_seconds=lag_seconds)
    found = history.compute(log)
    expected = reference(log, history)
    for place, column in enumerate((RECENT_ITEMS, RECENT_GAPS)):
        assert [list(each) for each in found[column]] == [each[place] for each in expected]
    lengths = found[RECENT_ITEMS].map(len)
    assert lengths.min() == 0
    assert lengths.max() >= min(num_items, 6)
    without = replace(history, recent_items=0)
    others = found.drop(columns=[RECENT_ITEMS, RECENT_GAPS])
    pd.testing.assert_frame_equal(others, without.compute(log), check_exact=True)
    assert history.features() == [*without.features(), *recent_features(num_items)]


def frame_of(rows: list[tuple]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["request_id", "user_id", "item_id", "shown_at", "click"])
    frame["shown_at"] = pd.to_datetime(frame["shown_at"], utc=True, format="ISO8601").dt.as_unit("us")
    return frame


def log_of(rows: list[tuple]) -> Log:
    frame = frame_of(rows)
    return Log(
        frame, DatasetCard(name="made", features=(ITEM,)), frame["shown_at"].max() + pd.Timedelta("30D")
    )


def test_what_is_known_by_hand():
    log = log_of(
        [
            (1, 7, 10, "2024-01-01T10:00:00", True),
            (1, 7, 11, "2024-01-01T10:00:00", False),
            (1, 7, 12, "2024-01-01T10:00:00", True),
            (2, 8, 13, "2024-01-01T10:00:01", True),
            (3, 7, 14, "2024-01-01T10:00:01", True),
            (4, 7, 15, "2024-01-01T10:01:00", True),
            (4, 7, 16, "2024-01-01T11:00:00", False),
        ]
    )
    found = TrailingHistory(recent_items=2).compute(log)
    # A request sees neither itself nor, while it goes on, what it led to; clicks of one moment stay in order.
    items = [[], [], [], [], [10, 12], [12, 14], [12, 14]]
    # 1 s has one binary digit, 59 s six, a minute six.
    gaps = [[], [], [], [], [1, 1], [6, 6], [6, 6]]
    assert [each.tolist() for each in found[RECENT_ITEMS]] == items
    assert [each.tolist() for each in found[RECENT_GAPS]] == gaps
    assert found[RECENT_ITEMS][5] is found[RECENT_ITEMS][6], "rows of a request share one object"


def test_buckets_by_hand():
    seconds = np.array([0.0, 0.999999, 1.0, 1.999999, 2.0, 3.5, 4.0, 3600.0, 86_400.0, 7 * 86_400.0])
    expected = [0, 0, 1, 1, 2, 2, 3, 12, 17, 20]
    assert gap_bucket((seconds * 1e6).astype(np.int64)).tolist() == expected
    assert gap_bucket(np.array([2**k * 10**6 for k in range(33)])).tolist() == list(range(1, 34))


def test_clicks_and_users_that_are_not_known_are_nobodys():
    log = log_of([(day, 1, day, f"2024-01-0{day}", True) for day in range(1, 6)])
    frame = log.frame.assign(
        user_id=pd.array([1, None, 1, 1, None], dtype="Int64"),
        item_id=pd.array([5, 6, None, 8, 9], dtype="Int64"),
        click=pd.array([True, True, True, None, True], dtype="boolean"),
    )
    found = TrailingHistory(recent_items=9).compute(replace(log, frame=frame))
    assert [each.tolist() for each in found[RECENT_ITEMS]] == [[], [], [5], [5], []]


def test_no_rows_and_no_clicks(make_log: Callable[..., Log]):
    log = with_items(make_log(num_days=5))
    history = TrailingHistory(recent_items=4)
    assert history.compute(replace(log, frame=log.frame[:0])).shape == (0, len(history.features()))
    found = history.compute(replace(log, frame=log.frame.assign(click=False)))
    assert found[RECENT_ITEMS].map(len).max() == 0


def test_forgetting_changes_no_later_answer():
    rng = np.random.default_rng(4)
    size = 400
    frame = pd.DataFrame({"item_id": rng.integers(0, 50, size), "click": rng.random(size) < 0.7})
    user, moment = rng.integers(-1, 9, size), np.sort(rng.integers(0, 100, size))
    whole, kept = RecentItems(3), RecentItems(3)
    asked = np.arange(-1, 9)
    for known in (20, 50, 80, 100):
        new = (moment >= known - 30) & (moment < known) if known > 20 else moment < 20
        for each in (whole, kept):
            each.add(frame[new], user[new], moment[new])
        # What became known in the last 10 is asked about only later.
        kept.forget(known - 10)
        for cutoff in (known - 10, known - 3, known):
            expected = whole.lists(asked, np.full(len(asked), cutoff), lag=5)
            found = kept.lists(asked, np.full(len(asked), cutoff), lag=5)
            for name, column in expected.items():
                assert [each.tolist() for each in column] == [each.tolist() for each in found[name]]
    assert len(whole) > 200
    kept.forget(101)
    assert len(kept) == 9 * 3


def test_lists_stay_aligned_and_recent_in_the_encoder():
    frame = pd.DataFrame({"item_id": [1, 2, 3, 3]})
    frame[RECENT_ITEMS] = [np.array([1, 2, 3]), np.array([99, 1]), np.array([], dtype=np.int64), None]
    frame[RECENT_GAPS] = [np.array([9, 8, 7]), np.array([9, 55]), np.array([], dtype=np.int64), np.array([4])]
    encoder = fit_encoder(frame[:1], [ITEM, *recent_features(2)], EncoderSettings(min_count=1))
    events, gaps = encoder.transform(frame).lists
    known = encoder.vocabularies["item_id"].rows(pd.Series([1, 2, 3]))
    times = encoder.vocabularies[RECENT_GAPS].rows(pd.Series([9, 8, 7]))
    assert events.tolist() == [[known[1], known[2]], [1, known[0]], [0, 0], [0, 0]]
    assert gaps.tolist() == [[times[1], times[2]], [times[0], 1], [0, 0], [0, 0]]
    field, gap_field = encoder.schema.lists
    assert (field.ordered, field.target, gap_field.gap_of) == (True, "item_id", RECENT_ITEMS)
    assert encoder.schema.vocabulary_of[RECENT_ITEMS] == encoder.schema.vocabulary_of["item_id"]


def test_torn_lists_teach_nothing_and_are_served_without_gaps():
    frame = pd.DataFrame({"item_id": [1, 2, 3]})
    frame[RECENT_ITEMS] = [np.array([1, 2]), np.array([2, 1]), None]
    frame[RECENT_GAPS] = [np.array([9, 8]), np.array([9, 8]), np.array([8])]
    features = [ITEM, *recent_features(5)]
    encoder = fit_encoder(frame, features, EncoderSettings(min_count=1))
    torn = frame.assign(**{RECENT_GAPS: [np.array([9, 8, 8]), np.array([9, 8]), None]})
    with pytest.raises(
        UserError, match=r"1 rows, .* row 0, user_recent_gaps holds 3 values and user_recent_items 2;"
    ):
        fit_encoder(torn, features, EncoderSettings())
    events, gaps = encoder.transform(torn).lists
    assert (events > 0).sum(1).tolist() == [2, 2, 0]
    assert (gaps > 0).sum(1).tolist() == [0, 2, 0]


def test_a_card_that_does_not_declare_items_is_told_how(make_log: Callable[..., Log]):
    log = make_log(num_days=5)
    history = TrailingHistory(recent_items=4)
    with pytest.raises(
        UserError, match=r"add \{name: item_id, kind: categorical, owner: item\}.*recent_items=0"
    ):
        history.compute(log)
    with pytest.raises(UserError, match=r"the log has no user_id.*history\.recent_items=0"):
        history.compute(replace(with_items(log), frame=log.frame.drop(columns="user_id")))
    with pytest.raises(ValueError, match=r"history\.recent_items is -1; it must be at least 0"):
        TrailingHistory(recent_items=-1)
