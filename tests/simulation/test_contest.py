from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from holdfast.data.log import Log
from holdfast.simulation.closed_loop import ClosedLoop, Morning, Schedule, morning_after
from holdfast.simulation.contest import Contender, contest
from holdfast.simulation.long_term_value import LongTermValue
from holdfast.simulation.policies.epsilon_greedy import EpsilonGreedySlates
from holdfast.simulation.policies.random_slates import UniformSlates
from holdfast.simulation.policies.scored import ScoredPolicy
from holdfast.simulation.policy import ItemScores, Policy
from holdfast.simulation.publishing import Publication
from holdfast.simulation.world import DefaultWorld

WORLD = DefaultWorld(num_users=150, num_items=200, num_days=8, burn_in_days=3)
BEHAVIOR = ScoredPolicy(exploration=UniformSlates())
SCHEDULE = Schedule(first_day=2, num_days=6, every_days=3)
PUBLICATION: Publication = WORLD.publication(WORLD.mechanisms(), BEHAVIOR)
QUALITY = ScoredPolicy(
    exploration=EpsilonGreedySlates(epsilon=0.0),
    scorers=(ItemScores(scores=PUBLICATION.parts.items.quality),),
    ranker="quality",
)


@pytest.fixture(scope="module")
def morning() -> Morning:
    return morning_after(PUBLICATION, BEHAVIOR, day=2)


def by_clicks(log: Log, day: int) -> Policy:
    rate = log.frame.groupby("item_id")["click"].mean().reindex(np.arange(1, 201)).fillna(0.1)
    return replace(QUALITY, scorers=(ItemScores(scores=rate.to_numpy()),), ranker="clicks", version=day)


Run = Callable[..., pd.DataFrame]


@pytest.fixture(scope="module")
def run(morning: Morning) -> Run:
    def of(*names: str, oracle: str | None = None, value: LongTermValue | None = None) -> pd.DataFrame:
        known = {
            "random": Contender(policy=BEHAVIOR),
            "quality": Contender(policy=QUALITY),
            "learner": Contender(policy=BEHAVIOR, retrain=by_clicks),
        }
        chosen = {name: known[name] for name in names}
        return contest(PUBLICATION, morning, chosen, schedule=SCHEDULE, oracle=oracle, value=value)

    return of


def test_a_contender_does_as_it_would_alone(run: Run, morning: Morning):
    """Whoever else takes part, and in whatever order."""
    together = run("learner", "random", "quality")
    for name in ("random", "quality", "learner"):
        alone = run(name)
        found = together[together["contender"] == name].reset_index(drop=True)
        pd.testing.assert_frame_equal(alone, found)
    still = replace(SCHEDULE, every_days=0)
    figures = ClosedLoop(PUBLICATION, morning, QUALITY, schedule=still).finish()
    pd.testing.assert_frame_equal(figures, run("quality")[figures.columns])


def test_who_learns_starts_like_the_others(run: Run):
    table = run("random", "learner").set_index(["contender", "day"])
    assert table.loc["random", "clicks"][:3].tolist() == table.loc["learner", "clicks"][:3].tolist()
    assert table.loc["learner", "policy"].iloc[3] == "clicks/epsilon_greedy(0)@5"


def test_regret_is_what_the_oracle_had_more(run: Run):
    value = LongTermValue(click_value=0.5, visit_value=1.0)
    table = run("random", "quality", oracle="quality", value=value)
    so_far = table.pivot_table(index="day", columns="contender", values="value_so_far")
    regret = table.pivot_table(index="day", columns="contender", values="regret")
    np.testing.assert_allclose(regret["random"], so_far["quality"] - so_far["random"])
    assert (regret["quality"] == 0.0).all()
    daily = table[table["contender"] == "random"]
    expected = (0.5 * daily["clicks"] + daily["active_users"]) / daily["arrived_users"]
    np.testing.assert_allclose(daily["value"], expected)


def test_an_oracle_that_does_not_take_part_is_refused(run: Run):
    with pytest.raises(ValueError, match=r"contenders are \['random'\] and the oracle is 'quality'"):
        run("random", oracle="quality")
    with pytest.raises(ValueError, match=r"contenders are \[\]"):
        run()
