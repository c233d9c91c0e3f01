"""Which suites are refused before anything is done, in words that say what to do."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import pytest
from hydra.core.global_hydra import GlobalHydra

from holdfast.app.composition import plan
from holdfast.app.hydra_entry import compose
from holdfast.app.stressing.settings import StressSettings
from holdfast.app.stressing.suite import check_suite, family_of
from holdfast.core.errors import UserError
from holdfast.drift.injector import Family, Kind
from holdfast.drift.labels.bots import Bots
from holdfast.drift.sensors.noise import Noise
from holdfast.drift.world_drift import WorldDrift


@pytest.fixture(autouse=True)
def fresh_hydra():
    GlobalHydra.instance().clear()
    yield
    GlobalHydra.instance().clear()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["stress.severities=[6]"], "severity is 6; it goes from 0"),
        (["stress.severities=[0,1]"], "always there; leave it out"),
        (["stress.severities=[]"], "give at least one, rising"),
        (["stress.severities=[2.5]"], "stress.severities"),
        (["stress.only=[nois]"], "stress.only names 'nois', which the suite 'quick' does not hold"),
        (["+drift=season_remix"], "season_remix belong to the held-out family"),
        (["stress.in_worlds.clickbait_fatigue=gone"], "lets 'gone' stand in"),
        (["stress.seeds=[1,1]"], "give different whole numbers"),
        (["stress.least_rows=0"], "least_rows is 0"),
        (["stress.strength_rows=-1"], "strength_rows is -1; it must be 0"),
        (["stress.strength_rows=99"], "strength_rows is 99; it must be 0"),
        (["+drift=world_churn"], "world_churn belong to the held-out"),
        (["+drift=world_churn", "drift.world_churn.family=evaluation"], "churn is for held_out"),
        (["stress.name=a/b"], "without slashes"),
        (["drift.noise.strengths=[1]"], "drift.noise: "),
        (["+drift.mine.strength=1"], "drift.mine is no drift"),
    ],
)
def test_bad_suites(words, said):
    with pytest.raises(UserError) as refused:
        plan(compose(words))
    assert said in str(refused.value)


@dataclass(frozen=True, kw_only=True)
class Renamed(Bots):
    """Says that it may be chosen by."""

    family: ClassVar[Family] = Family.EVALUATION


@dataclass(frozen=True, kw_only=True)
class Wrapped:
    """Holds another injector and says that it may be chosen by."""

    inner: Bots = field(default_factory=Bots)
    kind: ClassVar[Kind] = "label"
    family: ClassVar[Family] = Family.EVALUATION
    seeded: ClassVar[bool] = True

    def fits(self, rows):
        return None

    def inject(self, rows, *, severity, seed):
        return self.inner.inject(rows, severity=severity, seed=seed)

    def strength_of(self, clean, drifted):
        return self.inner.strength_of(clean, drifted)


@pytest.mark.parametrize("schedule", ["rotating_interests", "churn", "new_market", "behavior_change"])
def test_what_stands_for_a_held_out_drift_is_held_out_whatever_it_is_called(schedule):
    drift = WorldDrift(schedule=schedule, strengths=[0.1, 0.2, 0.3, 0.4, 0.5])
    assert family_of(drift) is Family.HELD_OUT
    with pytest.raises(UserError, match="mine belong to the held-out family"):
        check_suite({"mine": drift}, StressSettings())
    check_suite({"mine": drift}, StressSettings(held_out=True))


@pytest.mark.parametrize("drift", [Bots(), Renamed(), Wrapped()], ids=lambda each: type(each).__name__)
def test_injectors_are_held_out_by_their_class(drift):
    assert family_of(drift) is Family.HELD_OUT


def test_other_schedules_may_be_chosen_by():
    strengths = [0.1, 0.2, 0.3, 0.4, 0.5]
    assert family_of(WorldDrift(schedule="season", strengths=strengths)) is Family.EVALUATION
    stricter = WorldDrift(schedule="season", strengths=strengths, family="held_out")
    assert family_of(stricter) is Family.HELD_OUT
    assert family_of(Noise()) is Family.TRAINING


def test_the_standard_suite_is_as_large_as_it_promises():
    made = plan(compose(["stress=standard"]))
    injected = [name for name in made.ladders if not name.startswith("world_")]
    assert len(injected) >= 16
    assert made.stress.severities == [1, 2, 3, 4, 5]
    assert len(made.stress.seeds) >= 3
    assert all(family_of(each) is not Family.HELD_OUT for each in made.ladders.values())


def test_the_held_out_suite_holds_what_is_held_out_and_nothing_else():
    made = plan(compose(["stress=held_out"]))
    assert made.stress.prefix == "stress_held_out"
    assert {family_of(each) for each in made.ladders.values()} == {Family.HELD_OUT}
