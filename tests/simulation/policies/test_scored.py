from __future__ import annotations

import re

import numpy as np
import pytest

from holdfast.simulation.policies.epsilon_greedy import EpsilonGreedySlates
from holdfast.simulation.policies.plackett_luce import PlackettLuce
from holdfast.simulation.policies.posterior_sampling import PosteriorSampling
from holdfast.simulation.policies.random_slates import UniformSlates
from holdfast.simulation.policies.random_slots import RandomSlots
from holdfast.simulation.policies.scored import Exploration, ScoredPolicy
from holdfast.simulation.policies.uncertainty_bonus import UncertaintyBonus
from holdfast.simulation.policy import ItemScores, PopularityAndTopics
from holdfast.simulation.world import DefaultWorld

SCORER = ItemScores(scores=np.arange(40.0))


@pytest.mark.parametrize(
    ("exploration", "label"),
    [
        (UniformSlates(), "uniform"),
        (EpsilonGreedySlates(epsilon=0.05), "epsilon_greedy(0.05)"),
        (PlackettLuce(temperature=0.5), "plackett_luce(0.5)"),
        (RandomSlots(num_random=2, where="last"), "random_slots(2,last)"),
        (PosteriorSampling(epsilon=0.01), "posterior_sampling(0.01)"),
        (UncertaintyBonus(bonus=2.0, epsilon=0.01), "uncertainty_bonus(2,0.01)"),
    ],
)
def test_the_name_says_what_was_logged(exploration: Exploration, label: str):
    policy = ScoredPolicy(exploration=exploration, scorers=(SCORER, SCORER), ranker="mmoe", version=3)
    assert policy.name == f"mmoe/{label}@3"


@pytest.mark.parametrize(
    ("exploration", "given"), [(PlackettLuce(), 0), (PosteriorSampling(), 1), (UncertaintyBonus(), 1)]
)
def test_too_few_scorers_are_refused(exploration: Exploration, given: int):
    said = f"{exploration.label} needs at least {given + 1} scorers and was given {given}"
    with pytest.raises(ValueError, match=re.escape(said)):
        ScoredPolicy(exploration=exploration, scorers=(SCORER,) * given)


def test_a_world_serves_it_and_logs_its_name():
    world = DefaultWorld(num_users=120, num_items=150, num_days=3, burn_in_days=2)
    policy = ScoredPolicy(
        exploration=PlackettLuce(temperature=0.5),
        scorers=(PopularityAndTopics(topic_bonus=0.0),),
        ranker="popularity",
    )
    log = world.simulate(policy).log
    assert set(log.frame["policy"]) == {"popularity/plackett_luce(0.5)@1"}
    assert log.frame["propensity"].nunique() > 100
