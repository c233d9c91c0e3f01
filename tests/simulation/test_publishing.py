from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from holdfast.data.canonical import COLUMN_NAMES
from holdfast.data.contract import check
from holdfast.data.log import Log
from holdfast.simulation.loop import run_days
from holdfast.simulation.policy import EpsilonGreedy
from holdfast.simulation.publishing import FEATURES, NEVER, Publication, next_visits, topic_names
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


def test_next_visits_by_hand():
    user = np.array([1, 2, 1, 1, 2, 1])
    day = np.array([0, 0, 0, 3, 1, 5])
    shown = np.array([10, 11, 12, 40, 20, 60])
    assert next_visits(user, day, shown).tolist() == [40, 20, 40, 60, NEVER, NEVER]
    assert len(next_visits(user[:0], day[:0], shown[:0])) == 0


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
    base = DefaultWorld(num_users=60, num_items=100, num_days=2, burn_in_days=0)
    record, _, _ = run_days(base.mechanisms(), EpsilonGreedy(epsilon=1.0))
    record.seconds[:] = 5.0
    publication = Publication(start="2025-01-06", time_zone="UTC", num_days=2, missing_share=0.0, seed=0)
    _, shown = publication.in_order(record)
    assert (np.diff(shown) >= 1).all()
    assert shown[0] == pd.Timestamp("2025-01-06T00:00:05Z").timestamp() * 1e6


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
