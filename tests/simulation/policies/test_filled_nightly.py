"""A model with a history is served its history, whatever runs the world; without one it is refused."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from holdfast.data.history import TrailingHistory
from holdfast.data.log import Log
from holdfast.data.nightly_store import NightlyStore
from holdfast.simulation.closed_loop import ClosedLoop, Schedule, morning_after
from holdfast.simulation.contest import Contender, contest
from holdfast.simulation.loop import days_of
from holdfast.simulation.observing import observed_days
from holdfast.simulation.policies.behavior import behavior_policy
from holdfast.simulation.policies.epsilon_greedy import EpsilonGreedySlates
from holdfast.simulation.policies.filled_nightly import FilledNightly
from holdfast.simulation.policies.rows import RowsScored
from holdfast.simulation.policies.scored import ScoredPolicy
from holdfast.simulation.policy import Policy, PolicyError, Requests, Slates
from holdfast.simulation.value import true_value
from holdfast.simulation.world import DefaultWorld

WORLD = DefaultWorld(num_users=80, num_items=90, num_days=5, burn_in_days=3)
GOOD = behavior_policy(epsilon=0.2)
PUBLICATION = WORLD.publication(WORLD.mechanisms(), GOOD)
HISTORY = TrailingHistory(refresh="nightly")


@dataclass(frozen=True)
class Spy:
    """A model that ranks by recent impressions of an item, and keeps what it was served."""

    seen: list[pd.DataFrame] = field(default_factory=list)

    def __call__(self, rows: pd.DataFrame) -> np.ndarray:
        self.seen.append(rows)
        return rows["item_impressions_7d"].to_numpy(dtype=np.float64)

    def impressions_by_day(self) -> pd.Series:
        rows = pd.concat(self.seen)
        return rows.groupby(rows["shown_at"].dt.floor("D"))["item_impressions_7d"].sum()


def bare(spy: Spy, *, logged: Log | None = None) -> tuple[ScoredPolicy, NightlyStore]:
    store = NightlyStore(HISTORY, PUBLICATION.card())
    if logged is not None:
        store.observe(logged)
    scorer = RowsScored(model=spy, publication=PUBLICATION, store=store)
    policy = ScoredPolicy(exploration=EpsilonGreedySlates(), scorers=(scorer,), ranker="model")
    return policy, store


def filled(spy: Spy, *, logged: Log | None = None) -> FilledNightly:
    policy, store = bare(spy, logged=logged)
    return FilledNightly(policy=policy, stores=(store,))


def test_a_model_whose_store_nobody_fills_is_refused_everywhere(tmp_path: Path):
    morning = morning_after(PUBLICATION, GOOD, day=2)
    schedule = Schedule(first_day=2, num_days=3, every_days=0)
    for day, work in (
        (1, lambda policy: WORLD.value(policy, 4, repeats=2)),
        (1, WORLD.replay),
        (-2, WORLD.simulate),
        (-2, lambda policy: WORLD.write(tmp_path / "log", policy)),
        (2, lambda policy: ClosedLoop(PUBLICATION, morning, policy, schedule=schedule).finish()),
    ):
        policy, _ = bare(Spy())
        with pytest.raises(PolicyError, match=rf"on day {day} failed: .*the store has observed nothing"):
            work(policy)


def test_value_fills_a_new_store_for_every_repeat():
    spies: list[Spy] = []

    def fresh() -> Policy:
        spies.append(Spy())
        return filled(spies[-1])

    value = WORLD.value(fresh, 4, repeats=3)
    assert len(spies) == 3
    for spy in spies:
        served = spy.impressions_by_day()
        assert len(served) == 4
        assert (served > 0).all(), "the days before day 0 are known on day 0"
    assert value.clicks.mean > 0.0
    assert WORLD.value(fresh, 4, repeats=3) == value, "nothing is left of the run before"


def test_value_refuses_a_store_that_would_remember_the_repeat_before():
    with pytest.raises(ValueError, match=r"policy 'model/.*' is told what happened .* give a function"):
        WORLD.value(filled(Spy()), 4, repeats=2)
    with pytest.raises(PolicyError, match=r"on the night after day -3: .* give the publication"):
        true_value(
            WORLD.mechanisms(),
            lambda: filled(Spy()),
            before=WORLD.behavior_on,
            horizon_days=2,
            repeats=2,
        )


def test_a_replayed_model_meets_the_features_of_the_log():
    spy = Spy()
    WORLD.replay(filled(spy))
    log = WORLD.read()
    expected = pd.concat([log.frame, HISTORY.compute(log)], axis=1)
    pairs = expected.merge(pd.concat(spy.seen), on=["user_id", "item_id", "shown_at"], suffixes=("", "_seen"))
    assert len(pairs) == len(expected)
    for name in [each.name for each in HISTORY.features()]:
        np.testing.assert_array_equal(pairs[name], pairs[f"{name}_seen"], err_msg=name)
    assert pairs["user_impressions_7d"].max() > 0


def test_a_world_that_is_simulated_or_written_fills_the_store(tmp_path: Path):
    spies = Spy(), Spy()
    log = WORLD.simulate(filled(spies[0])).log
    WORLD.write(tmp_path / "log", filled(spies[1]))
    for spy in spies:
        served = spy.impressions_by_day()
        assert len(served) == 3 + 5
        assert served.iloc[0] == 0
        assert (served.iloc[1:] > 0).all()
    assert (log.frame["policy"] == "model/epsilon_greedy(0.1)@1").all()


def test_contenders_of_a_contest_can_have_a_history():
    morning = morning_after(PUBLICATION, GOOD, day=2)
    logged = observed_days(PUBLICATION, morning.logged, until_day=2)
    spy = Spy()
    table = contest(
        PUBLICATION,
        morning,
        {"model": Contender(policy=filled(spy, logged=logged)), "good": Contender(policy=GOOD)},
        schedule=Schedule(first_day=2, num_days=3, every_days=0),
    )
    assert len(table) == 6
    assert (spy.impressions_by_day() > 0).sum() == 3
    unfilled = ClosedLoop(
        PUBLICATION, morning, filled(Spy()), schedule=Schedule(first_day=2, num_days=3, every_days=0)
    )
    with pytest.raises(PolicyError, match=r"on day 2 failed: .*observed nothing and is asked about day 2"):
        unfilled.step()


@dataclass(frozen=True)
class Told:
    """Chooses well, and keeps what it is told."""

    logs: list[Log] = field(default_factory=list)
    fails: bool = False
    name: str = "told@1"

    def choose(self, requests: Requests) -> Slates:
        return GOOD.choose(requests)

    def observe(self, log: Log) -> None:
        if self.fails:
            raise OSError("disk full")
        self.logs.append(log)


def test_a_policy_is_told_of_every_day_once_those_without_visitors_included():
    told = Told()
    parts = replace(WORLD, num_users=3, return_level=-2.0).mechanisms()
    days = list(days_of(parts, told, publication=replace(PUBLICATION, parts=parts)))
    assert len(told.logs) == 3 + 5
    until = pd.DatetimeIndex([each.observed_until for each in told.logs])
    assert (np.diff(until) == pd.Timedelta(days=1)).all()
    assert min(len(each) for each in told.logs) == 0
    assert sum(len(each) for each in told.logs[3:]) == sum(each.requests.item.size for each in days) > 0


def test_what_goes_wrong_at_night_is_named():
    with pytest.raises(PolicyError, match="'told@1' on the night after day -3 failed: OSError: disk full"):
        WORLD.simulate(Told(fails=True))
    with pytest.raises(ValueError, match="stores holds 0 stores; give those"):
        FilledNightly(policy=GOOD, stores=())
    told = Told()
    by_day = days_of(PUBLICATION.parts, lambda day: told, publication=PUBLICATION)
    with pytest.raises(PolicyError, match=r"'told@1' on day -3: it is told .* give the policy itself"):
        list(by_day)
