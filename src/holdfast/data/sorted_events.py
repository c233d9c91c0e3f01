"""Events of users or items, sorted, so that many questions about what came before are answered at once.

N questions, E events.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from holdfast.core.arrays import Bools, Ints


@dataclass(frozen=True)
class SortedEvents:
    """Events of entities, sorted by entity and by the moment at which they were known.

    Attributes:
        moments: all the moments, sorted, ``[E]``.
        keys: entity and moment in one sortable number, sorted, ``[E]``.
        running: sums of each amount over the events before, ``[E + 1]`` each.
    """

    moments: Ints
    keys: Ints
    running: tuple[Ints, ...]

    @staticmethod
    def of(entity: Ints, moment: Ints, *amounts: Ints | Bools) -> SortedEvents:
        """Events of known entities; those of a missing one (-1) belong to nobody."""
        kept = entity >= 0
        entity, moment = entity[kept], moment[kept]
        moments = np.sort(moment)
        keys = entity * (len(moments) + 1) + np.searchsorted(moments, moment)
        order = np.argsort(keys, kind="stable")
        running = tuple(running_sum(amount[kept][order]) for amount in amounts)
        return SortedEvents(moments, keys[order], running)

    def before(self, entity: Ints, moment: Ints, order: Ints) -> Ints:
        """How many events come before an entity's first one at or after a moment, ``[N]``, in ``order``.

        Moments are looked up as given, in order of time, and entities in order of entity: neighbouring
        questions then have neighbouring answers, which stay in the processor's cache.
        """
        # The rank of a moment instead of the moment keeps the key within 64 bits for any number of entities.
        key = entity * (len(self.moments) + 1) + np.searchsorted(self.moments, moment)
        return np.asarray(np.searchsorted(self.keys, key[order]))

    def sums(self, first: Ints, last: Ints) -> list[Ints]:
        """Number of events from ``first`` to before ``last``, and the sums of their amounts, ``[N]`` each."""
        return [last - first, *(running[last] - running[first] for running in self.running)]


def codes_of(ids: pd.Series) -> Ints:
    """A number from 0 for each distinct id, -1 for a null, int64 ``[N]``."""
    return pd.factorize(ids)[0].astype(np.int64)


def running_sum(amounts: Ints | Bools) -> Ints:
    """Sums of the amounts before each place, and of all of them, int64 ``[E + 1]``."""
    total = np.zeros(len(amounts) + 1, dtype=np.int64)
    np.cumsum(amounts, out=total[1:])
    return total
