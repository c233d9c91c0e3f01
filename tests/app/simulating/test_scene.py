"""What is refused before minutes are spent on it, and which defaults are worked out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from hydra.core.global_hydra import GlobalHydra

from holdfast.app.composition import Plan, plan
from holdfast.app.hydra_entry import compose
from holdfast.app.simulating.scene import check_simulation, scene_of, test_day
from holdfast.core.errors import UserError
from holdfast.data.splits import TemporalSplit
from holdfast.simulation.world import DefaultWorld

first_day_of_the_test_window = test_day
del test_day  # pytest would take it for a test


@pytest.fixture(autouse=True)
def fresh_hydra() -> Iterator[None]:
    GlobalHydra.instance().clear()
    yield
    GlobalHydra.instance().clear()


def planned(*overrides: str) -> Plan:
    return plan(compose(list(overrides)))


def test_defaults_are_worked_out():
    scene = scene_of(planned(), prepared=False)
    assert scene.first_day == 37
    assert scene.seeds == (0,)
    assert scene.oracle == "long_term_oracle"
    assert scene.reference == "uniform"
    other = scene_of(planned("policy=[popularity]", "data.seed=4"), prepared=True)
    assert other.first_day == 24
    assert other.seeds == (4,)
    assert other.oracle is None
    named = scene_of(
        planned("simulation.reference=popularity", "simulation.oracle=popularity"), prepared=True
    )
    assert (named.reference, named.oracle) == ("popularity", "popularity")


@pytest.mark.parametrize(
    "split",
    [
        TemporalSplit(),
        TemporalSplit(test_days=3, maturity_days=0, validation_gap_days=2),
        TemporalSplit(train_days=5, test_days=4, maturity_days=2, num_folds=3, fold=1),
    ],
)
def test_the_first_day_of_the_test_window_is_where_the_split_puts_it(split: TemporalSplit):
    world = DefaultWorld(num_users=60, num_items=60, num_days=30, burn_in_days=0)
    day = (split.windows(world.read())["test"].start.tz_localize(None) - world_start(world)).days
    assert first_day_of_the_test_window(split, num_days=30) == day


def world_start(world: DefaultWorld):
    import pandas as pd

    return pd.Timestamp(world.start)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["policy=[]"], "nobody takes part"),
        (
            ["simulation.oracle=god"],
            "simulation.oracle is 'god', which does not take part; the contenders are",
        ),
        (["simulation.reference=god"], "simulation.reference is 'god'"),
        (["simulation.first_day=38"], "simulation.first_day is 38, and the log ends with day 37"),
        (["data=parquet", "data.root=x"], "needs a world that goes on after its log, and data is ParquetLog"),
        (
            ["policy=[bundle]", "policy.bundle.scorer.folder=/nowhere/at/all"],
            "policy.bundle.scorer: there is no",
        ),
        (["policy=[trained]", "history.refresh=at_once"], "history.refresh is 'at_once'"),
        (["policy=[trained]", "simulation.first_day=0"], "simulation.first_day is 0, and a model needs"),
        (["policy=[trained]", "simulation.first_day=23"], "it would serve days that it has seen. Choose 24"),
        (
            ["policy=[retrained]", "simulation.window_days=3"],
            "the first retraining would see 3 days of a log, and split.validation_days takes 3",
        ),
        (
            ["policy=[trained]", "simulation.seeds=[9]", "simulation.first_day=9"],
            "it would serve days that it has seen. Choose 24",
        ),
        (
            [
                "policy=[uniform,popularity]",
                "policy/exploration@policy.popularity.exploration=random_slots",
                "policy.popularity.exploration.num_random=7",
            ],
            "policy.popularity.exploration.num_random is 7, and a request has 6 slots",
        ),
        (
            ["+policy.first_models=${policy.uniform}"],
            "policy.first_models: a contender's name becomes a folder, and in that one lie the models",
        ),
    ],
)
def test_what_cannot_be_done_is_refused(overrides: Sequence[str], message: str):
    with pytest.raises(UserError) as caught:
        check_simulation(planned(*overrides), prepared=True)
    assert message in str(caught.value)


def test_what_can_be_done_passes():
    check_simulation(planned(), prepared=False)
    check_simulation(planned("policy=[trained,retrained]", "simulation.seeds=[0,1]"), prepared=True)
    check_simulation(
        planned("policy=[trained]", "simulation.seeds=[1]", "simulation.first_day=30"), prepared=True
    )
    check_simulation(
        planned(
            "policy=[popularity]",
            "policy/exploration@policy.popularity.exploration=random_slots",
            "policy.popularity.exploration.num_random=6",
        ),
        prepared=False,
    )
    check_simulation(planned("policy=[retrained]", "simulation.retrain_every_days=0"), prepared=True)
