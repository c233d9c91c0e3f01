from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from holdfast.data.canonical import COLUMN_NAMES
from holdfast.data.contract import check
from holdfast.data.log import Log
from holdfast.simulation.log_columns import FEATURES, topic_names
from holdfast.simulation.loop import days_of
from holdfast.simulation.policies.behavior import behavior_policy
from holdfast.simulation.world import DefaultWorld

# The clocks go forward on the fourth day of this world.
WORLD = DefaultWorld(
    num_users=150,
    num_items=200,
    num_days=8,
    burn_in_days=4,
    start="2024-03-28",
    time_zone="Europe/Copenhagen",
)


@pytest.fixture(scope="module")
def log() -> Log:
    return WORLD.read()


def test_the_next_visit_is_the_first_on_a_later_day(log: Log):
    frame = log.frame.assign(day=log.local_days())
    visits = frame.groupby(["user_id", "day"])["shown_at"].min().reset_index()
    following = visits.groupby("user_id")["shown_at"].shift(-1)
    expected = visits.assign(following=following).set_index(["user_id", "day"])["following"]
    found = frame.groupby(["user_id", "day"])["next_visit_at"].agg(["min", "max", "size", "count"])
    assert found["min"].equals(found["max"].rename("min")), "one visit, one return"
    assert found["min"].rename("following").equals(expected)
    assert 0.1 < expected.isna().mean() < 0.9


def test_a_log_that_ends_earlier_knows_less():
    """Published after three days, it is what the whole log said on that morning."""
    parts, policy = WORLD.mechanisms(), behavior_policy(epsilon=WORLD.exploration)
    publication = WORLD.publication(parts, policy)
    days = [publication.in_order(day) for day in days_of(parts, policy)]
    early, whole = publication.log(days[:3], until_day=3), publication.log(days, until_day=8)
    view = whole.as_of(early.observed_until)
    assert early.frame.equals(view.frame.drop(columns="dwell_cut"))
    assert early.frame["next_visit_at"].isna().sum() > whole.frame["next_visit_at"].isna()[: len(early)].sum()


def test_the_log_keeps_the_contract(log: Log):
    assert check(log.frame, log.card, observed_until=log.observed_until) == []


def test_what_is_logged_happened_before_the_end_of_the_log(log: Log):
    ends = log.frame["shown_at"] + pd.to_timedelta(log.frame["dwell_seconds"].fillna(0.0), unit="s")
    assert (ends < log.observed_until).all()
    view = log.as_of(log.observed_until).frame
    assert not view["dwell_cut"].any()
    assert view["next_visit_at"].equals(log.frame["next_visit_at"])


def test_days_are_local_also_when_the_clocks_change(log: Log):
    assert log.observed_until == pd.Timestamp("2024-04-05", tz="Europe/Copenhagen")
    days = log.local_days()
    first = (pd.Timestamp("2024-03-28") - pd.Timestamp("1970-01-01")).days
    assert np.unique(days).tolist() == list(range(first, first + 8))
    local = log.frame["shown_at"].dt.tz_convert("Europe/Copenhagen").dt
    assert np.array_equal(local.hour, log.frame["hour"])
    assert np.array_equal(local.day_of_week, log.frame["day_of_week"])


def test_requests_have_moments_of_their_own_in_order(log: Log):
    per_request = log.frame.groupby("request_id")["shown_at"]
    assert (per_request.nunique() == 1).all()
    moments = per_request.first().sort_index()
    assert moments.is_monotonic_increasing
    assert moments.is_unique


def test_moments_that_collide_are_told_apart():
    world = DefaultWorld(num_users=60, num_items=100, num_days=2, burn_in_days=0)
    parts, policy = world.mechanisms(), behavior_policy(epsilon=1.0)
    publication = world.publication(parts, policy)
    day = next(days_of(parts, policy))
    day.requests.seconds[:] = 5.0
    day = publication.in_order(day)
    shown = publication.shown(day)
    assert np.array_equal(np.diff(shown), np.ones(len(shown) - 1))
    assert shown[0] == pd.Timestamp("2025-01-06T00:00:05Z").timestamp() * 1e6
    assert (np.diff(day.requests.user) >= 0).all()


def test_the_log_holds_contract_and_features_and_none_of_the_truth(log: Log):
    allowed = {*COLUMN_NAMES, *(feature.name for feature in FEATURES)}
    assert set(log.frame.columns) == allowed
    assert allowed.isdisjoint(WORLD.simulate().truth.impressions.columns)


def test_features_are_what_the_card_says(log: Log):
    frame = log.frame
    assert 0.05 < frame["editor_score"].isna().mean() < 0.2
    assert 0.05 < frame.groupby("request_id")["device"].first().isna().mean() < 0.2
    assert (frame["item_age_days"] >= 0).all()
    assert frame["content_length"].equals(frame["content_seconds"].rename("content_length"))
    names = set(topic_names(WORLD.num_topics))
    assert set(frame["topic"]) <= names
    assert all(len(tags) == 3 for tags in frame["user_interest_tags"])
    assert {topic for row in frame["recent_topics"].dropna() for topic in row} <= names
    assert (frame.groupby("user_id")["market"].nunique() == 1).all()


def test_a_log_survives_its_file(log: Log, tmp_path):
    log.write(tmp_path / "log")
    read = pd.read_parquet(tmp_path / "log" / "log.parquet")
    assert check(read, log.card, observed_until=log.observed_until) == []
    assert Log(read, log.card, log.observed_until).fingerprint() == log.fingerprint()


@pytest.mark.parametrize("start", ["2024-03-28", "2024-10-24"])
def test_nobody_asks_for_more_before_what_was_opened_is_read(start: str):
    """On days of 23 and of 25 hours too: dwell does not shrink with the day."""
    # Nearly everything is opened, so what was shown takes minutes to read.
    world = replace(WORLD, num_users=3000, start=start, click_level=4.0)
    log = world.read()
    lengths = np.diff(
        [pd.Timestamp(start, tz=world.time_zone) + pd.DateOffset(days=day) for day in range(9)]
    ) / pd.Timedelta(hours=1)
    assert set(lengths.tolist()) in ({23.0, 24.0}, {24.0, 25.0})
    days = log.local_days()
    frame = log.frame.assign(day=days - days.min())
    requests = frame.groupby(["user_id", "day", "request_id"], sort=True).agg(
        shown_at=("shown_at", "first"), dwell=("dwell_seconds", "sum")
    )
    ends = requests["shown_at"] + pd.to_timedelta(requests["dwell"], unit="s")
    following = requests.groupby(level=["user_id", "day"])["shown_at"].shift(-1)
    odd_day = int(np.flatnonzero(lengths != 24.0)[0])
    assert following.xs(odd_day, level="day").notna().sum() > 500
    assert not (following < ends).any()
    publication = world.publication(world.mechanisms(), world.behavior_on(0))
    for day in range(8):
        assert (ends.xs(day, level="day") < publication.until(day + 1)).all(), "all is read by midnight"
