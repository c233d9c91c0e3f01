"""What one member of an ensemble, drawn at random, thinks is best.

M scorers, Q requests, C candidates, K slots.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from holdfast.core.arrays import Floats
from holdfast.simulation.policies.rankings import check_epsilon, ranking_chances, show_one_ranking
from holdfast.simulation.policy import Requests, Slates, greedy_slates


@dataclass(frozen=True, kw_only=True)
class PosteriorSampling:
    """Draws one scorer a request and shows its K best in order: explores where the scorers disagree.

    The members of the ensemble (trained on resampled logs, say) stand for draws from a posterior. Equations
    in ``show_one_ranking`` with a ranking a member. The propensities are exact *given the ensemble*: the
    share of members that would have shown the item there. What all members agree on is shown for sure, so
    that without epsilon some items have no chance at all.

    Attributes:
        epsilon: chance of a random slate instead, in [0, 1].

    Source: Thompson (1933) for drawing an action with the probability that it is the best.
    """

    epsilon: float = 0.02

    def __post_init__(self) -> None:
        check_epsilon(self.epsilon)

    @property
    def label(self) -> str:
        """For example ``posterior_sampling(0.02)``."""
        return f"posterior_sampling({self.epsilon:g})"

    @property
    def least_scorers(self) -> int:
        """Two: one alone never disagrees with itself."""
        return 2

    def slates(self, scores: Floats, requests: Requests) -> Slates:
        """The slates of members drawn at random; see the class."""
        rankings = [greedy_slates(member, num_slots=requests.num_slots) for member in scores]
        return show_one_ranking(np.stack(rankings), requests, epsilon=self.epsilon)

    def slot_chances(self, scores: Floats, *, num_slots: int) -> Floats:
        """Chance of every candidate in every slot; see the class and ``SlotChances``."""
        rankings = np.stack([greedy_slates(member, num_slots=num_slots) for member in scores])
        return ranking_chances(rankings, num_candidates=scores.shape[2], epsilon=self.epsilon)
