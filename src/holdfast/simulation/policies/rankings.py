"""One of several rankings, or now and then a random slate: the core of three explorations.

M rankings a request, Q requests, C candidates, K slots.
"""

from __future__ import annotations

import math

import numpy as np

from holdfast.core.arrays import Floats, Ints
from holdfast.simulation.policies.random_slates import random_slates
from holdfast.simulation.policy import Requests, Slates


def show_one_ranking(rankings: Ints, requests: Requests, *, epsilon: float) -> Slates:
    r"""Show one of M rankings, each with the same chance, or with probability epsilon a random slate.

    .. math::
        P(i \text{ in slot } k) &= \frac{1 - \epsilon}{M} \sum_m \mathbb{1}[i = g_{mk}] + \epsilon / C \\
        P(\text{slate}) &= \frac{1 - \epsilon}{M} \sum_m \mathbb{1}[\text{slate} = g_m]
            + \epsilon \, (C - K)! / C!

    A random slate may happen to be a ranking, and two rankings may be the same: the sums count both.

    Args:
        rankings: g, positions of the candidates in each ranking's slots, ``[M, Q, K]``.
        requests: with C candidates each.
        epsilon: in [0, 1].
    """
    num_rankings, num_requests, num_slots = rankings.shape
    num_candidates = requests.candidates.shape[1]
    chance = requests.draws.uniform(requests.user, 2 + num_slots)
    # A number just below 1, times M, may round up to M.
    member = np.minimum((chance[:, 1] * num_rankings).astype(np.int64), num_rankings - 1)
    ranked = rankings[member, np.arange(num_requests)]
    shuffled = random_slates(chance[:, 2:], num_candidates=num_candidates)
    position = np.where(chance[:, :1] < epsilon, shuffled, ranked)
    same = rankings == position
    at_random = 1.0 / math.perm(num_candidates, num_slots)
    return Slates(
        position=position,
        propensity=(1.0 - epsilon) * same.mean(axis=0) + epsilon / num_candidates,
        slate_propensity=(1.0 - epsilon) * same.all(axis=2).mean(axis=0) + epsilon * at_random,
    )


def ranking_chances(rankings: Ints, *, num_candidates: int, epsilon: float) -> Floats:
    """What ``show_one_ranking`` gives every candidate in every slot, ``[Q, K, C]``, by ``[M, Q, K]``."""
    num_rankings, num_requests, num_slots = rankings.shape
    chance = np.full((num_requests, num_slots, num_candidates), epsilon / num_candidates)
    request, slot = np.ogrid[:num_requests, :num_slots]
    for ranking in rankings:
        chance[request, slot, ranking] += (1.0 - epsilon) / num_rankings
    return chance


def check_epsilon(epsilon: float) -> None:
    """Refuse what is not a probability.

    Raises:
        ValueError: ``epsilon`` is NaN or outside [0, 1].
    """
    if not 0.0 <= epsilon <= 1.0:
        raise ValueError(f"epsilon is {epsilon}; it is a probability, from 0 to 1")
