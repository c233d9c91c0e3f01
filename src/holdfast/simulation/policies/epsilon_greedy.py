"""The best by score, or now and then a random slate.

M scorers, Q requests, C candidates, K slots.
"""

from __future__ import annotations

from dataclasses import dataclass

from holdfast.core.arrays import Floats
from holdfast.simulation.policies.rankings import check_epsilon, ranking_chances, show_one_ranking
from holdfast.simulation.policy import Requests, Slates, greedy_slates


@dataclass(frozen=True, kw_only=True)
class EpsilonGreedySlates:
    """Shows the K best in order, or, with probability epsilon, K random ones in random order.

    Equations in ``show_one_ranking`` with one ranking: that of the scorers' mean. Among equal scores the
    earlier candidate is better.

    Attributes:
        epsilon: chance of a random slate, in [0, 1]. At 0 a logged propensity is 1 and nothing is explored.
    """

    epsilon: float = 0.1

    def __post_init__(self) -> None:
        check_epsilon(self.epsilon)

    @property
    def label(self) -> str:
        """For example ``epsilon_greedy(0.1)``."""
        return f"epsilon_greedy({self.epsilon:g})"

    @property
    def least_scorers(self) -> int:
        """One."""
        return 1

    def slates(self, scores: Floats, requests: Requests) -> Slates:
        """Greedy or random slates; see the class."""
        ranking = greedy_slates(scores.mean(axis=0), num_slots=requests.num_slots)
        return show_one_ranking(ranking[None], requests, epsilon=self.epsilon)

    def slot_chances(self, scores: Floats, *, num_slots: int) -> Floats:
        """Chance of every candidate in every slot; see the class and ``SlotChances``."""
        ranking = greedy_slates(scores.mean(axis=0), num_slots=num_slots)
        return ranking_chances(ranking[None], num_candidates=scores.shape[2], epsilon=self.epsilon)
