"""Items drawn one after the other, the better the likelier.

M scorers, Q requests, C candidates, K slots.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from holdfast.core.arrays import Floats, Ints
from holdfast.simulation.policies.rank_chances import every_slot_chance, item_in_slot_chance
from holdfast.simulation.policy import Requests, Slates

LARGEST_GAP = 20.0
"""From one candidate to the next best; a swap of the two then has a chance of 2e-9."""
LARGEST_RANGE = 400.0
"""From the best to any candidate: no weight underflows to 0."""


@dataclass(frozen=True, kw_only=True)
class PlackettLuce:
    r"""Fills slot after slot by a softmax over the candidates that are left.

    With scores s and temperature T, the weight of a candidate is :math:`w_i = e^{s_i / T}` (see
    ``capped_weights`` for scores that are very far apart), and the slate :math:`(i_0, \dots, i_{K-1})` has
    the chance

    .. math:: P(\text{slate}) = \prod_{k=0}^{K-1} \frac{w_{i_k}}{\sum_j w_j - \sum_{l < k} w_{i_l}}.

    Slates are drawn all at once: the K smallest of C exponential clocks with rates w, which is the Gumbel
    top-k trick. The logged propensity of an item is its marginal chance in its slot
    (``item_in_slot_chance``); the factors of the product, its chance given the earlier slots, are
    ``chance_given_earlier``.

    Every slate has a chance above 0. One slot makes it a plain softmax policy.

    Attributes:
        temperature: T > 0, in units of the scores; towards 0 greedy, towards infinity uniform.

    Source: Luce (1959) and Plackett (1975) for the model; Yellott (1977) for the clocks; Kool, van Hoof and
    Welling (2019) for top-k.
    """

    temperature: float = 1.0

    def __post_init__(self) -> None:
        if not 0.0 < self.temperature < float("inf"):
            raise ValueError(f"temperature is {self.temperature}; it must be above 0 and finite")

    @property
    def label(self) -> str:
        """For example ``plackett_luce(1)``."""
        return f"plackett_luce({self.temperature:g})"

    @property
    def least_scorers(self) -> int:
        """One."""
        return 1

    def slates(self, scores: Floats, requests: Requests) -> Slates:
        """Slates drawn by their scores; see the class."""
        weights = capped_weights(scores.mean(axis=0), temperature=self.temperature)
        return drawn_by_weight(weights, requests)

    def slot_chances(self, scores: Floats, *, num_slots: int) -> Floats:
        """Chance of every candidate in every slot; see the class and ``SlotChances``."""
        weights = capped_weights(scores.mean(axis=0), temperature=self.temperature)
        return every_slot_chance(weights, num_slots=num_slots)


def capped_weights(scores: Floats, *, temperature: float) -> Floats:
    """Weights in (0, 1] for scores ``[Q, C]``: those of a softmax, up to a constant a row.

    From each candidate to the next best at most 20 temperatures count, and 400 in all: what is shown when a
    policy is cold stays in order, and no chance becomes so small that it cannot be logged.
    """
    order = np.argsort(-scores, axis=1, kind="stable")
    ranked = np.take_along_axis(scores, order, axis=1)
    with np.errstate(over="ignore"):
        gap = np.minimum((ranked[:, :-1] - ranked[:, 1:]) / temperature, LARGEST_GAP)
    weights = np.ones_like(ranked)
    ranked_weights = np.exp(-np.minimum(np.cumsum(gap, axis=1), LARGEST_RANGE))
    np.put_along_axis(weights, order[:, 1:], ranked_weights, axis=1)
    return weights


def drawn_by_weight(weights: Floats, requests: Requests) -> Slates:
    """Slates drawn without replacement in proportion to weights ``[Q, C]``, at least K above 0 a row."""
    clock = exponential_clocks(requests.draws.uniform(requests.user, weights.shape[1]), weights)
    position = np.argsort(clock, axis=1, kind="stable")[:, : requests.num_slots]
    return Slates(
        position=position,
        propensity=item_in_slot_chance(weights, position),
        slate_propensity=chance_given_earlier(weights, position).prod(axis=1),
    )


def exponential_clocks(uniform: Floats, weights: Floats) -> Floats:
    """When each candidate rings, ``[Q, C]``; never where its weight is 0."""
    safe = np.where(weights > 0.0, weights, 1.0)
    return np.where(weights > 0.0, -np.log(uniform) / safe, np.inf)


def chance_given_earlier(weights: Floats, position: Ints) -> Floats:
    """Chance of each slot's item given the items of the slots before it, ``[Q, K]``.

    Args:
        weights: w >= 0, ``[Q, C]``.
        position: candidates shown, each with a weight above 0, ``[Q, K]``.
    """
    shown = np.take_along_axis(weights, position, axis=1)
    unshown = weights.copy()
    np.put_along_axis(unshown, position, 0.0, axis=1)
    # What is left, summed from the end: taking the shown from the total would cancel the small ones away.
    left = unshown.sum(axis=1, keepdims=True) + np.cumsum(shown[:, ::-1], axis=1)[:, ::-1]
    return np.asarray(shown / left)
