"""The best if things are as good as they well may be.

M scorers, Q requests, C candidates, K slots.
"""

from __future__ import annotations

from dataclasses import dataclass

from holdfast.core.arrays import Floats
from holdfast.simulation.policies.rankings import check_epsilon, ranking_chances, show_one_ranking
from holdfast.simulation.policy import Requests, Slates, greedy_slates


@dataclass(frozen=True, kw_only=True)
class UncertaintyBonus:
    r"""Ranks by an upper confidence bound over an ensemble, or, with probability epsilon, at random.

    .. math:: b_i = \frac{1}{M} \sum_m s_{mi}
        + \beta \sqrt{\tfrac{1}{M} \sum_m \bigl(s_{mi} - \bar s_i\bigr)^2}

    The ranking by b is deterministic, so all chance is in epsilon; equations in ``show_one_ranking`` with one
    ranking. With ``epsilon=0`` a logged propensity is 1: true, and useless for off-policy estimates.

    Attributes:
        bonus: beta, standard deviations; below 0 shuns what is uncertain.
        epsilon: chance of a random slate instead, in [0, 1].
    """

    bonus: float = 1.0
    epsilon: float = 0.02

    def __post_init__(self) -> None:
        check_epsilon(self.epsilon)
        if not abs(self.bonus) < float("inf"):
            raise ValueError(f"bonus is {self.bonus}; it must be a finite number")

    @property
    def label(self) -> str:
        """For example ``uncertainty_bonus(1,0.02)``."""
        return f"uncertainty_bonus({self.bonus:g},{self.epsilon:g})"

    @property
    def least_scorers(self) -> int:
        """Two: the spread of one alone is not known."""
        return 2

    def slates(self, scores: Floats, requests: Requests) -> Slates:
        """Optimistic or random slates; see the class."""
        bound = scores.mean(axis=0) + self.bonus * scores.std(axis=0)
        ranking = greedy_slates(bound, num_slots=requests.num_slots)
        return show_one_ranking(ranking[None], requests, epsilon=self.epsilon)

    def slot_chances(self, scores: Floats, *, num_slots: int) -> Floats:
        """Chance of every candidate in every slot; see the class and ``SlotChances``."""
        bound = scores.mean(axis=0) + self.bonus * scores.std(axis=0)
        ranking = greedy_slates(bound, num_slots=num_slots)
        return ranking_chances(ranking[None], num_candidates=scores.shape[2], epsilon=self.epsilon)
