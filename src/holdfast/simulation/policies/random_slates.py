"""Uniformly random slates, drawn without replacement.

Q requests, C candidates, K slots.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from holdfast.core.arrays import Floats, Ints
from holdfast.simulation.policy import Requests, Slates


@dataclass(frozen=True, kw_only=True)
class UniformSlates:
    r"""Every ordered slate is as likely as every other; scores do not matter.

    .. math:: P(i \text{ in slot } k) = 1 / C, \qquad P(\text{slate}) = (C - K)! / C!
    """

    @property
    def label(self) -> str:
        """``uniform``."""
        return "uniform"

    @property
    def least_scorers(self) -> int:
        """None is needed."""
        return 0

    def slates(self, scores: Floats, requests: Requests) -> Slates:
        """Random slates; ``scores`` are not looked at."""
        num_requests, num_candidates = requests.candidates.shape
        uniform = requests.draws.uniform(requests.user, requests.num_slots)
        position = random_slates(uniform, num_candidates=num_candidates)
        whole = 1.0 / math.perm(num_candidates, requests.num_slots)
        return Slates(
            position=position,
            propensity=np.full(position.shape, 1.0 / num_candidates),
            slate_propensity=np.full(num_requests, whole),
        )

    def slot_chances(self, scores: Floats, *, num_slots: int) -> Floats:
        """1 / C for every candidate in every slot; see ``SlotChances``."""
        num_requests, num_candidates = scores.shape[1:]
        return np.full((num_requests, num_slots, num_candidates), 1.0 / num_candidates)


def random_slates(uniform: Floats, *, num_candidates: int) -> Ints:
    """K different candidates each in random order, ``[Q, K]``: the first K steps of a Fisher-Yates shuffle.

    Args:
        uniform: numbers in (0, 1), ``[Q, K]``.
        num_candidates: C >= K.

    Source: Fisher and Yates (1938), in the form of Durstenfeld (1964).
    """
    num_requests, num_slots = uniform.shape
    deck = np.tile(np.arange(num_candidates), (num_requests, 1))
    rows = np.arange(num_requests)
    for slot in range(num_slots):
        left = num_candidates - slot
        # A number just below 1, times what is left, may round up to it.
        pick = slot + np.minimum((uniform[:, slot] * left).astype(np.int64), left - 1)
        chosen = deck[rows, pick]
        deck[rows, pick] = deck[:, slot]
        deck[:, slot] = chosen
    return deck[:, :num_slots]
