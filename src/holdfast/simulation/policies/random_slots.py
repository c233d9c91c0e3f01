"""The best in order, with some slots given to chance.

M scorers, Q requests, C candidates, K slots, r of them random.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from holdfast.core.arrays import Floats, Ints
from holdfast.simulation.policies.random_slates import random_slates
from holdfast.simulation.policy import Requests, Slates, greedy_slates


@dataclass(frozen=True, kw_only=True)
class RandomSlots:
    r"""Fills r slots uniformly from what is not among the best K - r, and the others with these in order.

    With :math:`R = C - K + r` candidates left for the random slots, :math:`g_j` the j-th best (j from 0), and

    - ``where="last"``: the random slots are the last r,

      .. math:: P(g_j \text{ in slot } j) = 1, \qquad P(\text{another in a random slot}) = 1 / R,
          \qquad P(\text{slate}) = (R - r)! / R!

    - ``where="anywhere"``: which slots are random is drawn too, every set of r as likely as another,

      .. math::
          P(g_j \text{ in slot } k) &= \binom{k}{j} \binom{K - k - 1}{K - r - 1 - j} \Big/ \binom{K}{r} \\
          P(\text{another in slot } k) &= \frac{r}{K} \frac{1}{R}, \qquad
          P(\text{slate}) = \frac{(R - r)!}{R!} \Big/ \binom{K}{r}

    Chances of other items in slots that are never random are 0: their value there cannot be learned.

    Attributes:
        num_random: r, at least 0 and at most K.
        where: ``last`` or ``anywhere``.
    """

    num_random: int = 1
    where: Literal["last", "anywhere"] = "anywhere"

    def __post_init__(self) -> None:
        if self.num_random < 0:
            raise ValueError(f"num_random is {self.num_random}; it must be at least 0")
        if self.where not in ("last", "anywhere"):
            raise ValueError(f"where is {self.where!r}; it must be 'last' or 'anywhere'")

    @property
    def label(self) -> str:
        """For example ``random_slots(1,anywhere)``."""
        return f"random_slots({self.num_random},{self.where})"

    @property
    def least_scorers(self) -> int:
        """One."""
        return 1

    def slates(self, scores: Floats, requests: Requests) -> Slates:
        """The best with some slots given to chance; see the class.

        Raises:
            ValueError: more random slots than slots.
        """
        num_requests, num_candidates = requests.candidates.shape
        num_slots, num_random = requests.num_slots, self.num_random
        if num_random > num_slots:
            raise ValueError(
                f"{self.label} on day {requests.day}: num_random is {num_random}, and there are "
                f"{num_slots} slots"
            )
        kept = num_slots - num_random
        left = num_candidates - kept
        order = greedy_slates(scores.mean(axis=0), num_slots=num_candidates)
        chance = requests.draws.uniform(requests.user, num_random + num_slots)
        filler = kept + random_slates(chance[:, :num_random], num_candidates=left)
        rank = self._ranks_shown(filler, chance[:, num_random:], kept=kept)
        item = _chance_of_rank(num_slots, num_random, left=left, where=self.where)
        sets = math.comb(num_slots, num_random) if self.where == "anywhere" else 1
        return Slates(
            position=np.take_along_axis(order, rank, axis=1),
            propensity=item[np.arange(num_slots), np.minimum(rank, kept)],
            slate_propensity=np.full(num_requests, 1.0 / (sets * math.perm(left, num_random))),
        )

    def slot_chances(self, scores: Floats, *, num_slots: int) -> Floats:
        """Chance of every candidate in every slot; see the class and ``SlotChances``."""
        _, num_requests, num_candidates = scores.shape
        if self.num_random > num_slots:
            raise ValueError(
                f"{self.label}: num_random is {self.num_random}, and there are {num_slots} slots"
            )
        kept = num_slots - self.num_random
        left = num_candidates - kept
        by_rank = _chance_of_rank(num_slots, self.num_random, left=left, where=self.where)
        by_rank = by_rank[:, np.minimum(np.arange(num_candidates), kept)]
        order = greedy_slates(scores.mean(axis=0), num_slots=num_candidates)
        chance = np.empty((num_requests, num_slots, num_candidates))
        np.put_along_axis(chance, np.repeat(order[:, None], num_slots, axis=1), by_rank[None], axis=2)
        return chance

    def _ranks_shown(self, filler: Ints, chance: Floats, *, kept: int) -> Ints:
        """Ranks by score in slots ``[Q, K]``, from the ranks of the random ones ``[Q, r]``."""
        num_requests = len(filler)
        best = np.broadcast_to(np.arange(kept), (num_requests, kept))
        rank = np.concatenate([best, filler], axis=1)
        if self.where == "last":
            return rank
        # Which slot every place in `rank` goes to: a random set of slots for each part, in order within it.
        slot = np.argsort(chance, axis=1)
        slot = np.concatenate([np.sort(slot[:, :kept], axis=1), slot[:, kept:]], axis=1)
        placed = np.empty_like(rank)
        np.put_along_axis(placed, slot, rank, axis=1)
        return placed


def _chance_of_rank(num_slots: int, num_random: int, *, left: int, where: str) -> Floats:
    """Chance of the j-th best in slot k, j below K - r, and, last, of any one other item, ``[K, K-r+1]``."""
    kept = num_slots - num_random
    table = np.zeros((num_slots, kept + 1))
    for slot in range(num_slots):
        if where == "last":
            table[slot, min(slot, kept)] = 1.0 if slot < kept else 1.0 / left
            continue
        for best in range(kept):
            after = kept - 1 - best
            ways = math.comb(slot, best) * math.comb(num_slots - slot - 1, after)
            table[slot, best] = ways / math.comb(num_slots, num_random)
        if num_random:
            table[slot, kept] = num_random / (num_slots * left)
    return table
