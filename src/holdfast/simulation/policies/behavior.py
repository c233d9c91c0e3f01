"""The policy that logs a world unless another one is asked for."""

from __future__ import annotations

from holdfast.simulation.policies.epsilon_greedy import EpsilonGreedySlates
from holdfast.simulation.policies.scored import ScoredPolicy
from holdfast.simulation.policy import PopularityAndTopics


def behavior_policy(*, epsilon: float, version: int = 1) -> ScoredPolicy:
    """Epsilon-greedy around what is clicked a lot and the topics that users declared.

    >>> behavior_policy(epsilon=0.2).name
    'popularity/epsilon_greedy(0.2)@1'

    Args:
        epsilon: chance of a random slate, in [0, 1].
        version: of the policy, for the log.
    """
    return ScoredPolicy(
        exploration=EpsilonGreedySlates(epsilon=epsilon),
        scorers=(PopularityAndTopics(),),
        ranker="popularity",
        version=version,
    )
