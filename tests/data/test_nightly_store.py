"""The store against the history of the whole log, bit for bit, day after day."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from holdfast.core.errors import UserError
from holdfast.core.features import Feature
from holdfast.data.card import DatasetCard
from holdfast.data.history import TrailingHistory
from holdfast.data.log import Log, local_days, local_midnight
from holdfast.data.nightly_store import NightlyStore
from holdfast.simulation.world import DefaultWorld

NIGHTLY = TrailingHistory(refresh="nightly")
ITEM = Feature(name="item_id", kind="categorical", owner="item")
ASKED = ["request_id", "user_id", "item_id", "shown_at"]


def days_of_requests(log: Log) -> np.ndarray:
    return local_days(log.frame.groupby("request_id")["shown_at"].transform("min"), log.card.time_zone)


def part_of(log: Log, first: int, last: int) -> Log:
    """The rows of the days from first to last, as somebody has them the night after."""
    days = log.local_days()
    inside = (days >= first) & (days <= last)
    until = local_midnight(last + 1, log.card.time_zone)
    visits = log.visits
    if visits is not None:
        visits = visits[(visits["visited_at"] < until).to_numpy()].reset_index(drop=True)
    return replace(log, frame=log.frame[inside].reset_index(drop=True), observed_until=until, visits=visits)


def served(log: Log, history: TrailingHistory, *, days_a_night: int = 1) -> tuple[NightlyStore, int]:
    """Serve every day of a log that comes after a night, and hold it against the whole log's history."""
    whole = history.compute(log)
    asked_on = days_of_requests(log)
    store, compared = NightlyStore(history, log.card), 0
    first, last = int(asked_on.min()), int(log.local_days().max())
    for day in range(first, last + 1, days_a_night):
        here = asked_on == day
        rows = log.frame.loc[here, ASKED]
        found = store(rows)
        assert_frame_equal(found[ASKED], rows)
        assert_frame_equal(found.drop(columns=ASKED), whole[here], check_exact=True)
        compared += len(rows)
        store.observe(part_of(log, day, day + days_a_night - 1))
    return store, compared


@pytest.mark.parametrize(
    ("history", "days_a_night", "zone"),
    [
        (NIGHTLY, 1, "UTC"),
        (replace(NIGHTLY, window_days=[1, 3, 10], smoothing=0.0), 1, "Europe/Copenhagen"),
        (replace(NIGHTLY, lag_seconds=26 * 3600.0), 1, "America/New_York"),
        (replace(NIGHTLY, window_days=[2], lag_seconds=8.5 * 86_400), 1, "Europe/Copenhagen"),
        (replace(NIGHTLY, window_days=[], recent_items=5), 1, "UTC"),
        (replace(NIGHTLY, window_days=[2], recent_items=3, lag_seconds=30 * 3600.0), 2, "Europe/Copenhagen"),
        (NIGHTLY, 3, "Europe/Copenhagen"),
    ],
)
def test_a_log_of_the_world_is_served_as_it_is_trained_on(history, days_a_night, zone):
    """New users and items every day, clocks that change on March 9 and on March 30."""
    world = DefaultWorld(
        num_users=120, num_items=60, num_days=24, burn_in_days=0, established_share=0.3, start="2025-03-08"
    )
    log = replace(world, time_zone=zone).read()
    store, compared = served(log, history, days_a_night=days_a_night)
    assert compared > 1500 / days_a_night
    if history.window_days == [1, 7]:
        assert store(log.frame[ASKED][:0]).shape == (0, len(ASKED) + 18)


def test_text_ids_late_requests_and_visits_without_rows(make_log: Callable[..., Log]):
    log = make_log(seed=5, num_users=10, num_days=16, num_items=8, text_ids=True)
    frame = log.frame.copy()
    frame["shown_at"] += pd.to_timedelta(frame["slot"] * 3, unit="h").dt.as_unit("us")
    frame = frame.sort_values("shown_at", kind="stable").reset_index(drop=True)
    strangers = frame[["user_id", "shown_at"]].assign(user_id="somebody else")
    visits = pd.concat([frame[["user_id", "shown_at"]], strangers[:5]]).sort_values("shown_at")
    kept = frame["request_id"].str[-1] != "3"
    log = replace(
        log,
        frame=frame[kept].reset_index(drop=True),
        visits=visits.rename(columns={"shown_at": "visited_at"}).reset_index(drop=True),
        card=replace(log.card, features=(ITEM,)),
    )
    assert (days_of_requests(log) != log.local_days()).any(), "some requests go on past midnight"
    history = replace(NIGHTLY, window_days=[1, 2, 5], lag_seconds=7200.0, recent_items=4)
    _, compared = served(log, history)
    assert compared == len(log)


@st.composite
def logs(draw: st.DrawFn) -> Log:
    """A few users and items, gaps without rows, dwell that is missing or ends days later, clocks that change.

    In Havana they change at midnight: one day of the year has none, another has it twice.
    """
    zone, start = draw(
        st.sampled_from(
            [
                ("UTC", "2024-01-01"),
                ("Europe/Copenhagen", "2024-10-24"),
                ("America/Havana", "2024-03-07"),
                ("America/Havana", "2024-10-31"),
            ]
        )
    )
    num_requests = draw(st.integers(1, 25))
    origin = pd.Timestamp(start, tz=zone).tz_convert("UTC")
    rows = []
    for request in range(num_requests):
        seconds = draw(st.integers(0, 12 * 24)) * 3600 + draw(st.sampled_from([-1, 0, 1, 1800]))
        user = draw(st.integers(0, 3))
        for slot in range(draw(st.integers(1, 3))):
            click = draw(st.booleans())
            dwell = draw(st.sampled_from([np.nan, 0.0, 1.0, 3599.9999995, 100_000.25, 400_000.0]))
            moment = origin + pd.Timedelta(seconds=seconds + slot * draw(st.sampled_from([0, 5, 4000])))
            rows.append((request, user, draw(st.integers(0, 3)), moment, click, dwell if click else np.nan))
    names = ["request_id", "user_id", "item_id", "shown_at", "click", "dwell_seconds"]
    frame = pd.DataFrame(rows, columns=names)
    frame["shown_at"] = frame["shown_at"].dt.as_unit("us")
    frame = frame.sort_values("shown_at", kind="stable").reset_index(drop=True)
    card = DatasetCard(name="made", time_zone=zone, features=(ITEM,))
    return Log(frame, card, frame["shown_at"].max() + pd.Timedelta("30D"))


@settings(max_examples=30, deadline=None)
@given(
    log=logs(),
    window_days=st.sampled_from([[1], [1, 7], [3, 2], [30]]),
    lag_seconds=st.sampled_from([0.0, 3600.0, 100_000.0]),
    smoothing=st.sampled_from([0.0, 20.0]),
    recent_items=st.sampled_from([0, 1, 3]),
)
def test_any_log_is_served_as_it_is_trained_on(
    log: Log, window_days: list[int], lag_seconds: float, smoothing: float, recent_items: int
):
    history = TrailingHistory(
        refresh="nightly",
        window_days=window_days,
        lag_seconds=lag_seconds,
        smoothing=smoothing,
        recent_items=recent_items,
    )
    _, compared = served(log, history)
    assert compared == len(log)


def test_memory_does_not_grow_with_days():
    world = DefaultWorld(num_users=60, num_items=100, num_days=40, burn_in_days=10, established_share=1.0)
    log = world.read()
    days = log.local_days()
    store, sizes = NightlyStore(replace(NIGHTLY, recent_items=3), log.card), []
    for day in np.unique(days):
        store.observe(part_of(log, int(day), int(day)))
        sizes.append((len(store._shown), len(store._read), len(store._active._user)))
        assert store._recent is not None and len(store._recent) <= 60 * 3
    a_week = max(np.sum((days > day - 8) & (days <= day)) for day in np.unique(days))
    assert max(shown for shown, _, _ in sizes) <= a_week < len(log) / 3
    assert max(users for _, _, users in sizes) <= 60 * 8


def test_a_copy_goes_on_alone(make_log: Callable[..., Log]):
    """A loop that stops keeps its store, and goes on from it."""
    log = make_log(num_days=8)
    first = int(log.local_days().min())
    store = NightlyStore(NIGHTLY, log.card)
    store.observe(part_of(log, first, first + 3))
    kept = copy.deepcopy(store)
    rows = log.frame.loc[log.local_days() == first + 5, ASKED]
    store.observe(part_of(log, first + 4, first + 4))
    expected = store(rows)
    kept.observe(part_of(log, first + 4, first + 4))
    assert_frame_equal(kept(rows), expected, check_exact=True)


def test_a_store_that_is_filled_at_night_cannot_serve_at_once(make_log: Callable[..., Log]):
    with pytest.raises(UserError, match=r"history\.refresh is 'at_once'.*history\.refresh=nightly"):
        NightlyStore(TrailingHistory(), make_log().card)


def test_recent_items_need_the_items_on_the_card(make_log: Callable[..., Log]):
    with pytest.raises(UserError, match=r"add \{name: item_id, kind: categorical, owner: item\}"):
        NightlyStore(replace(NIGHTLY, recent_items=3), make_log().card)


def test_what_would_be_wrong_is_refused(make_log: Callable[..., Log]):
    log = make_log(num_days=10)
    days = log.local_days()
    first = int(days.min())
    rows = {day: log.frame.loc[days == first + day, ASKED] for day in range(10)}
    store = NightlyStore(NIGHTLY, log.card)
    with pytest.raises(UserError, match="several days, from 2024-03-21 to 2024-03-22"):
        store(pd.concat([rows[1], rows[2]]))
    store.observe(part_of(log, first, first + 2))
    with pytest.raises(UserError, match="rows of 2024-03-22, and the store has observed 2024-03-22"):
        store.observe(part_of(log, first + 2, first + 3))
    with pytest.raises(UserError, match=r"rows of 2024-03-21 cannot be served: .* observed 2024-03-22"):
        store(rows[1])
    with pytest.raises(UserError, match="rows of 2024-03-24 need what happened until midnight"):
        store(rows[4])
    store(rows[3])
    with pytest.raises(UserError, match=r"already have the columns \['user_impressions_1d'"):
        store(store(rows[3]))
    with pytest.raises(UserError, match=r"rows lack the columns \['item_id'\]"):
        store(rows[3].drop(columns="item_id"))
    with pytest.raises(UserError, match=r"user_id holds text here and integers before"):
        store(rows[3].assign(user_id=rows[3]["user_id"].astype("str")))
    with pytest.raises(UserError, match="user_id holds floating values"):
        store(rows[3].assign(user_id=rows[3]["user_id"] + 0.5))
    with pytest.raises(UserError, match=r"log lacks the columns \['click', 'dwell_seconds'\]"):
        store.observe(replace(log, frame=log.frame.drop(columns=["click", "dwell_seconds"])))
    day = part_of(log, first + 3, first + 3)
    cut = replace(day, frame=day.frame.assign(dwell_cut=day.frame["click"]))
    with pytest.raises(UserError, match="dwell is cut off"):
        store.observe(cut)
    store.observe(day)


def test_a_day_that_was_served_too_early_is_told(make_log: Callable[..., Log]):
    """Somebody whose logs always say that all is known still cannot serve a day before the one before it."""
    log = make_log(num_days=6)
    days = log.local_days()
    first = int(days.min())
    store = NightlyStore(NIGHTLY, log.card)
    store.observe(replace(part_of(log, first, first), observed_until=log.observed_until))
    store(log.frame.loc[days == first + 3, ASKED])
    with pytest.raises(UserError, match="rows of 2024-03-21, and the store has served 2024-03-23"):
        store.observe(part_of(log, first + 1, first + 1))


def test_a_day_on_which_nobody_came_is_observed_without_rows(make_log: Callable[..., Log]):
    log = make_log(num_days=9)
    days = log.local_days()
    first = int(days.min())
    frame = log.frame[(days < first + 2) | (days >= first + 4)].reset_index(drop=True)
    log = replace(log, frame=frame)
    _, compared = served(log, NIGHTLY)
    assert compared == len(log)


def test_a_store_that_was_told_nothing_serves_one_day_and_no_second(make_log: Callable[..., Log]):
    log = make_log(num_days=6)
    days = log.local_days()
    first = int(days.min())
    rows = {day: log.frame.loc[days == first + day, ASKED] for day in range(3)}
    store = NightlyStore(NIGHTLY, log.card)
    store(rows[0][:0])
    assert_frame_equal(store(rows[0]), store(rows[0]))
    assert not store.has_observed
    with pytest.raises(
        UserError, match=r"rows of 2024-03-21 need .* observed nothing, not even 2024-03-20, which it served"
    ):
        store(rows[1])
    store.observe(part_of(log, first, first))
    assert store.has_observed
    assert store(rows[1])["item_impressions_1d"].sum() > 0
