from __future__ import annotations

import pytest

from holdfast.simulation.policies.behavior import behavior_policy
from holdfast.simulation.policies.epsilon_greedy import EpsilonGreedySlates
from holdfast.simulation.policies.scored import ScoredPolicy
from holdfast.simulation.policy import PopularityAndTopics
from holdfast.simulation.world import DefaultWorld


def test_its_name_follows_the_scheme_of_all_policies():
    assert behavior_policy(epsilon=0.2).name == "popularity/epsilon_greedy(0.2)@1"
    assert behavior_policy(epsilon=1.0, version=3).name == "popularity/epsilon_greedy(1)@3"


def test_anybody_can_put_it_together_and_log_the_same():
    world = DefaultWorld(num_users=100, num_items=120, num_days=3, burn_in_days=2, exploration=0.4)
    same = ScoredPolicy(
        exploration=EpsilonGreedySlates(epsilon=0.4), scorers=(PopularityAndTopics(),), ranker="popularity"
    )
    assert world.simulate(same).log.fingerprint() == world.read().fingerprint()


@pytest.mark.parametrize("epsilon", [-0.1, 1.1, float("nan")])
def test_epsilon_is_a_probability(epsilon: float):
    with pytest.raises(ValueError, match="epsilon is"):
        behavior_policy(epsilon=epsilon)
