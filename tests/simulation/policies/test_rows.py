from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
import pytest

from holdfast.data.encoder import EncoderSettings, fit_encoder
from holdfast.simulation.log_columns import FEATURES
from holdfast.simulation.policies.behavior import behavior_policy
from holdfast.simulation.policies.epsilon_greedy import EpsilonGreedySlates
from holdfast.simulation.policies.rows import RowsScored, request_rows
from holdfast.simulation.policies.scored import ScoredPolicy
from holdfast.simulation.policy import PopularityAndTopics, Requests, Slates
from holdfast.simulation.world import DefaultWorld, Simulation

Make = Callable[..., Requests]
WORLD = DefaultWorld(
    num_users=100,
    num_items=150,
    num_days=4,
    burn_in_days=2,
    time_zone="Europe/Copenhagen",
    seed=2,
    changes={
        "new_market": {"start_day": 0, "ramp_days": 2, "strength": 0.3},
        "missing_sensor": {"start_day": 1, "ramp_days": 1, "strength": 0.5},
        "unit_change": {"start_day": 2, "ramp_days": 1, "strength": 1.0},
    },
)
PUBLICATION = WORLD.publication(WORLD.mechanisms(), behavior_policy(epsilon=0.1))


@dataclass(frozen=True)
class Spy:
    """A policy that keeps what it was asked."""

    inner: ScoredPolicy
    asked: list[Requests] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.inner.name

    def choose(self, requests: Requests) -> Slates:
        if requests.day >= 0:
            self.asked.append(replace(requests, recent_topics=requests.recent_topics.copy()))
        return self.inner.choose(requests)


@pytest.fixture(scope="module")
def spied() -> tuple[Simulation, list[Requests]]:
    spy = Spy(ScoredPolicy(exploration=EpsilonGreedySlates(), scorers=(PopularityAndTopics(),)))
    return WORLD.simulate(spy), spy.asked


def test_rows_are_as_the_log_has_them(spied: tuple[Simulation, list[Requests]]):
    """Every first request of a visit: of its candidates, those that were shown, column by column."""
    log = spied[0].log.frame
    moment = log["shown_at"].dt.as_unit("us").astype(np.int64)
    day = log["shown_at"].dt.tz_convert(WORLD.time_zone).dt.normalize()
    first = moment == moment.groupby([log["user_id"], day]).transform("min")
    compared = 0
    for requests in spied[1]:
        start, end = PUBLICATION.midnight(requests.day), PUBLICATION.midnight(requests.day + 1)
        here = log[(moment >= start) & (moment < end) & first & log["user_id"].isin(requests.user + 1)]
        shown = here.groupby("user_id")["shown_at"].first().reindex(requests.user + 1)
        micros = shown.dt.as_unit("us").astype(np.int64).to_numpy()
        rows = request_rows(requests, shown=micros, publication=PUBLICATION)
        both = here.merge(rows, on=["user_id", "item_id"], suffixes=("", "_rows"), how="inner")
        if len(both) < len(here):
            continue  # A later round: its candidates are others.
        compared += len(both)
        for name in [each.name for each in FEATURES if not each.name.endswith("_id")]:
            logged, built = both[name], both[f"{name}_rows"]
            if log[name].dtype == object:
                assert all(
                    (one is None and other is None) or list(one) == list(other)
                    for one, other in zip(logged, built, strict=True)
                ), name
                continue
            # Text is categorical, and a number of the same kind.
            assert rows[name].dtype == log[name].dtype or rows[name].dtype == "category", name
            pd.testing.assert_series_equal(logged, built.astype(log[name].dtype), check_names=False)
    assert compared > 300
    assert log["device"].isna().any()
    assert log["recent_topics"].isna().any()
    assert (log["market"] == "east").any()
    assert (log["content_length"] > 600.0).any(), "a sensor that fails, fails in both"


def test_rows_cost_no_more_than_they_differ(requests_for: Make):
    """What the rows of a request share is kept once, and encoded like the log that has it in every row."""
    rows = request_rows(requests_for(3), shown=np.zeros(3, dtype=np.int64), publication=PUBLICATION)
    assert len(rows) == 15
    assert len({id(each) for each in rows["user_interest_tags"]}) <= 3
    log = WORLD.read()
    encoder = fit_encoder(log.frame, FEATURES, EncoderSettings(min_count=1))
    plain = rows.assign(
        **{name: rows[name].astype("str") for name in ("market", "device", "topic")},
        **{
            name: pd.Series([None if each is None else list(each) for each in rows[name]], dtype=object)
            for name in ("user_interest_tags", "recent_topics")
        },
    )
    encoded, expected = encoder.transform(rows), encoder.transform(plain)
    np.testing.assert_array_equal(encoded.categorical, expected.categorical)
    np.testing.assert_array_equal(encoded.numeric, expected.numeric)
    for one, other in zip(encoded.lists, expected.lists, strict=True):
        np.testing.assert_array_equal(one, other)
    assert (encoded.lists[0] > 1).any()


def test_rows_hold_no_outcome(requests_for: Make):
    rows = request_rows(requests_for(3), shown=np.zeros(3, dtype=np.int64), publication=PUBLICATION)
    allowed = {each.name for each in FEATURES} | {"request_id", "shown_at", "content_seconds"}
    assert set(rows) == allowed
    assert len(rows) == 15


def test_a_model_sees_what_the_sensors_say(requests_for: Make):
    """A sensor that failed does so in the rows; the length that caps dwell is no sensor's."""
    requests = requests_for(2)
    failed = np.full_like(requests.items.content_length, np.nan)
    broken = replace(requests, items=replace(requests.items, content_length=failed, headline_score=failed))
    rows = request_rows(broken, shown=np.zeros(2, dtype=np.int64), publication=PUBLICATION)
    assert rows["content_length"].isna().all()
    assert rows["headline_score"].isna().all()
    assert rows["content_seconds"].notna().all()


def test_a_model_of_rows_serves_a_world():
    """A model that ranks by one column: every slate of the log is in its order."""
    scorer = RowsScored(model=lambda rows: rows["headline_score"].to_numpy(), publication=PUBLICATION)
    policy = ScoredPolicy(exploration=EpsilonGreedySlates(epsilon=0.0), scorers=(scorer,), ranker="rows")
    log = WORLD.simulate(policy).log.frame
    fall = log.sort_values(["request_id", "slot"]).groupby("request_id")["headline_score"].diff().dropna()
    assert (fall <= 0.0).all()
    assert (fall < 0.0).any()


def test_moments_of_the_log():
    seconds = np.array([0.0, 3600.0, 86_399.0])
    found = pd.DatetimeIndex(PUBLICATION.moments(1, seconds).astype("datetime64[us]"), tz="UTC")
    expected = pd.Timestamp("2025-01-07", tz=WORLD.time_zone) + pd.to_timedelta(seconds, unit="s")
    assert list(found) == list(expected.tz_convert("UTC"))


def tomorrow(requests: Requests) -> Requests:
    """On a day of the world."""
    return replace(requests, day=1)


def test_scores_come_back_in_the_order_of_candidates(requests_for: Make):
    requests = tomorrow(requests_for(3, candidates=(3, 9, 4)))
    scorer = RowsScored(model=lambda rows: rows["item_id"].to_numpy() * 1.0, publication=PUBLICATION)
    assert scorer.score(requests).tolist() == [[4.0, 10.0, 5.0]] * 3


def test_a_store_adds_columns(requests_for: Make):
    scorer = RowsScored(
        model=lambda rows: rows["more"].to_numpy(),
        publication=PUBLICATION,
        store=lambda rows: rows.assign(more=np.arange(len(rows)) * 1.0),
    )
    assert scorer.score(tomorrow(requests_for(2, candidates=(3, 9)))).tolist() == [[0.0, 1.0], [2.0, 3.0]]


def test_a_model_that_scores_something_else_is_refused(requests_for: Make):
    scorer = RowsScored(model=lambda rows: np.zeros(4), publication=PUBLICATION)
    with pytest.raises(ValueError, match=r"scores of shape \(4,\) for 6 rows on day 1"):
        scorer.score(tomorrow(requests_for(2, candidates=(3, 9, 4))))


def test_requests_without_a_time_cannot_be_rows(requests_for: Make):
    scorer = RowsScored(model=lambda rows: np.zeros(6), publication=PUBLICATION)
    untimed = replace(requests_for(2, candidates=(3, 9, 4)), seconds=None)
    with pytest.raises(ValueError, match="day 4 do not say when"):
        scorer.score(untimed)
