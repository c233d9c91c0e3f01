"""Which suites are refused before anything is done, in words that say what to do."""

from __future__ import annotations

import pytest
from hydra.core.global_hydra import GlobalHydra

from holdfast.app.composition import plan
from holdfast.app.hydra_entry import compose
from holdfast.app.stressing.suite import family_of
from holdfast.core.errors import UserError
from holdfast.drift.injector import Family


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
        (["stress.name=a/b"], "without slashes"),
        (["drift.noise.strengths=[1]"], "drift.noise: "),
        (["+drift.mine.strength=1"], "drift.mine is no drift"),
    ],
)
def test_bad_suites(words, said):
    with pytest.raises(UserError) as refused:
        plan(compose(words))
    assert said in str(refused.value)


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
