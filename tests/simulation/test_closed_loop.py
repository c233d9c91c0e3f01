from __future__ import annotations

import pickle
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest

from holdfast.data.log import Log
from holdfast.simulation.closed_loop import ClosedLoop, Morning, Schedule, morning_after
from holdfast.simulation.policies.epsilon_greedy import EpsilonGreedySlates
from holdfast.simulation.policies.random_slates import UniformSlates
from holdfast.simulation.policies.scored import ScoredPolicy
from holdfast.simulation.policy import ItemScores, Policy, PopularityAndTopics, Requests, Slates
from holdfast.simulation.publishing import Publication
from holdfast.simulation.world import DefaultWorld

WORLD = DefaultWorld(num_users=150, num_items=200, num_days=9, burn_in_days=3)
BEHAVIOR = ScoredPolicy(exploration=UniformSlates())
POPULAR = ScoredPolicy(
    exploration=EpsilonGreedySlates(epsilon=0.2), scorers=(PopularityAndTopics(),), ranker="popularity"
)


def published(world: DefaultWorld = WORLD) -> Publication:
    return world.publication(world.mechanisms(), BEHAVIOR)


@pytest.fixture(scope="module")
def morning() -> Morning:
    return morning_after(published(), BEHAVIOR, day=3)


@dataclass(frozen=True)
class Trainer:
    """Gives the policy the next version, and keeps what it was shown."""

    seen: list[tuple[Log, int]] = field(default_factory=list)

    def __call__(self, log: Log, day: int) -> Policy:
        self.seen.append((log, day))
        rate = log.frame.groupby("item_id")["click"].mean().reindex(np.arange(1, 201)).fillna(0.1)
        return replace(POPULAR, scorers=(ItemScores(scores=rate.to_numpy()),), version=day)


def loop(morning: Morning, policy: Policy = POPULAR, **fields: Any) -> ClosedLoop:
    trainer = fields.pop("retrain", None)
    schedule = Schedule(**{"first_day": 3, "num_days": 6, "every_days": 2 if trainer else 0, **fields})
    return ClosedLoop(published(), morning, policy, schedule=schedule, retrain=trainer)


def test_going_on_with_the_same_policy_is_the_world_itself(morning: Morning):
    figures = loop(morning, BEHAVIOR).finish()
    whole = WORLD.simulate(BEHAVIOR).truth.visits
    assert figures["day"].tolist() == list(range(3, 9))
    assert figures["active_users"].tolist() == [(whole["day"] == day).sum() for day in range(3, 9)]
    users = [set(whole.loc[whole["day"] == day, "user_id"]) for day in range(2, 9)]
    back = [len(one & other) / len(one) for one, other in pairwise(users)]
    assert figures["back_from_yesterday"].tolist() == pytest.approx(back)
    after = whole[whole["day"] == 8]["satisfaction_after"].mean()
    assert figures["visitor_satisfaction"].iloc[-1] == pytest.approx(after, rel=1e-12)


def test_the_log_of_a_loop_is_the_log_of_the_world(morning: Morning):
    running = loop(morning, BEHAVIOR, window_days=0)
    running.finish()
    log = published().log(running.logged, until_day=9)
    assert log.fingerprint() == WORLD.simulate(BEHAVIOR).log.fingerprint()


def test_the_first_models_see_the_world_as_of_their_morning(morning: Morning):
    log = published().log(morning.logged, until_day=3)
    view = WORLD.simulate(BEHAVIOR).log.as_of(pd.Timestamp("2025-01-09", tz="UTC"))
    assert not view.frame.pop("dwell_cut").any()
    pd.testing.assert_frame_equal(view.frame, log.frame)
    assert view.observed_until == log.observed_until


def test_starting_twice_from_a_morning_is_the_same_twice(morning: Morning):
    before = pickle.dumps(morning)
    first = loop(morning).finish()
    loop(morning, BEHAVIOR).finish()
    pd.testing.assert_frame_equal(first, loop(morning).finish())
    assert pickle.dumps(morning) == before, "a morning is left as it is"


def test_training_sees_what_was_known_that_night_and_no_more(morning: Morning):
    trainer = Trainer()
    figures = loop(morning, retrain=trainer, window_days=4).finish()
    assert [day for _, day in trainer.seen] == [5, 7]
    for log, day in trainer.seen:
        midnight = pd.Timestamp("2025-01-06", tz="UTC") + pd.Timedelta(days=day)
        assert log.observed_until == midnight
        days = (log.frame["shown_at"].dt.day_of_year - 6).unique()
        assert set(days) == set(range(day - 4, day))
        assert (log.frame["next_visit_at"].dropna() < midnight).all()
        view = log.as_of(midnight).frame
        assert not view.pop("dwell_cut").any()
        pd.testing.assert_frame_equal(view, log.frame)
    assert set(trainer.seen[0][0].frame["policy"]) == {BEHAVIOR.name, POPULAR.name}
    versions = ["@1", "@1", "@5", "@5", "@7", "@7"]
    assert [name[-2:] for name in figures["policy"]] == versions


def test_training_changes_what_is_shown_only_from_then_on(morning: Morning):
    without, with_training = loop(morning).finish(), loop(morning, retrain=Trainer()).finish()
    pd.testing.assert_frame_equal(without[:2], with_training[:2])
    assert without["clicks"].iloc[2] != with_training["clicks"].iloc[2]


@pytest.mark.parametrize("stop", [1, 2, 3])
def test_a_loop_that_was_stopped_goes_on_as_if_nothing_had_happened(morning: Morning, stop: int):
    whole = loop(morning, retrain=Trainer()).finish()
    running = loop(morning, retrain=Trainer())
    first = [running.step() for _ in range(stop)]
    kept, policy = running.morning(), running.policy
    running.step()  # What is kept must not move on.
    saved, policy = pickle.loads(pickle.dumps((kept, policy)))
    rest = loop(saved, policy, retrain=Trainer()).finish()
    pd.testing.assert_frame_equal(
        whole, pd.concat([pd.DataFrame([vars(each) for each in first]), rest], ignore_index=True)
    )


def test_two_policies_meet_the_same_luck():
    """Where return does not depend on what was shown, the very same users come under both."""
    publication = published(replace(WORLD, satisfaction_effect=0.0))
    start = morning_after(publication, BEHAVIOR, day=3)
    schedule = Schedule(first_day=3, num_days=6, every_days=0)
    runs = [ClosedLoop(publication, start, each, schedule=schedule).finish() for each in (BEHAVIOR, POPULAR)]
    assert runs[0]["active_users"].tolist() == runs[1]["active_users"].tolist()
    assert runs[0]["back_from_yesterday"].tolist() == runs[1]["back_from_yesterday"].tolist()
    assert runs[0]["clicks"].tolist() != runs[1]["clicks"].tolist()


def test_memory_holds_no_more_days_than_a_training_may_see(morning: Morning):
    running = loop(morning, window_days=2)
    assert running.served is None
    assert [day.day for day in running.logged] == [1, 2]
    while not running.done:
        running.step()
        assert running.served is running.logged[-1]
    assert [day.day for day in running.logged] == [7, 8]


@dataclass(frozen=True)
class Broken:
    name: str = "broken@1"

    def choose(self, requests: Requests) -> Slates:
        slates = BEHAVIOR.choose(requests)
        if requests.day == 5:
            return replace(slates, propensity=slates.propensity * np.nan)
        return slates


def test_a_policy_that_breaks_is_named_with_its_day(morning: Morning):
    running = loop(morning, Broken())
    with pytest.raises(ValueError, match=r"policy 'broken@1' on day 5"):
        running.finish()
    assert running.logged[-1].day == 4, "what was logged before stays"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"num_days": 7}, "serving ends with day 10, and the world with day 9"),
        ({"every_days": 2}, "there is nothing to train with"),
        ({"num_days": 0}, "num_days is 0"),
        ({"every_days": -1}, "every_days is -1"),
        ({"window_days": -1}, "window_days is -1"),
        ({"first_day": -1}, "first_day is -1"),
    ],
)
def test_impossible_schedules_are_refused(fields: dict[str, int], message: str, morning: Morning):
    with pytest.raises(ValueError, match=message):
        loop(morning, **fields)


def test_the_behavior_may_change_from_day_to_day():
    def behavior_on(day: int) -> Policy:
        return POPULAR if day >= 1 else BEHAVIOR

    changed = morning_after(published(), behavior_on, day=3)
    assert [day.policy for day in changed.logged] == [BEHAVIOR.name, POPULAR.name, POPULAR.name]
    same = morning_after(published(), lambda day: BEHAVIOR, day=3)
    assert pickle.dumps(same) == pickle.dumps(morning_after(published(), BEHAVIOR, day=3))


def test_a_loop_says_which_day_comes(morning: Morning):
    running = loop(morning)
    assert running.day == 3
    running.step()
    assert running.day == running.morning().day == 4
