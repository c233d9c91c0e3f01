"""Policies out of their parts."""

from __future__ import annotations

from typing import Any

import pytest

from holdfast.simulation.policies.assembly import assembled
from holdfast.simulation.policies.epsilon_greedy import EpsilonGreedySlates
from holdfast.simulation.policies.oracles import LongTermOracle, MyopicOracle, OraclePolicy
from holdfast.simulation.policies.plackett_luce import PlackettLuce
from holdfast.simulation.policies.posterior_sampling import PosteriorSampling
from holdfast.simulation.policies.random_slates import UniformSlates
from holdfast.simulation.policies.random_slots import RandomSlots
from holdfast.simulation.policies.scored import Exploration
from holdfast.simulation.policies.uncertainty_bonus import UncertaintyBonus
from holdfast.simulation.policy import PopularityAndTopics
from holdfast.simulation.world import DefaultWorld

WORLD = DefaultWorld(num_users=60, num_items=120, num_days=2, burn_in_days=1)
EXPLORATIONS = (
    UniformSlates(),
    EpsilonGreedySlates(),
    PlackettLuce(),
    RandomSlots(),
    PosteriorSampling(),
    UncertaintyBonus(),
)


@pytest.mark.parametrize("part", EXPLORATIONS, ids=lambda part: type(part).__name__)
def test_every_exploration_goes_with_scorers(part: Exploration):
    policy = assembled(part, [PopularityAndTopics(), PopularityAndTopics(topic_bonus=1.0)], ranker="two")
    assert WORLD.simulate(policy).log.frame["policy"].unique().tolist() == [policy.name]


@pytest.mark.parametrize("part", [PopularityAndTopics(), MyopicOracle(), LongTermOracle()])
def test_every_scorer_goes_with_an_exploration(part: Any):
    policy = assembled(EpsilonGreedySlates(epsilon=0.1), [part], ranker="one")
    assert policy.name == "one/epsilon_greedy(0.1)@1"
    assert isinstance(policy, OraclePolicy) == (not isinstance(part, PopularityAndTopics))


def test_an_oracle_is_let_into_the_truth():
    policy = assembled(PlackettLuce(), [MyopicOracle()], ranker="myopic_oracle", version=2)
    assert isinstance(policy, OraclePolicy)
    assert policy.name == "myopic_oracle/plackett_luce(1)@2"


def test_scorers_are_not_named_where_they_do_not_matter():
    assert assembled(UniformSlates(), [MyopicOracle()], ranker="myopic_oracle").name == "none/uniform@1"


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="an oracle is among 2 scorers"):
        assembled(PlackettLuce(), [MyopicOracle(), PopularityAndTopics()], ranker="mixed")
    with pytest.raises(ValueError, match="needs at least 2 scorers"):
        assembled(PosteriorSampling(), [PopularityAndTopics()], ranker="popularity")
    with pytest.raises(ValueError, match="needs at least 2 scorers"):
        assembled(PosteriorSampling(), [MyopicOracle()], ranker="myopic_oracle")
