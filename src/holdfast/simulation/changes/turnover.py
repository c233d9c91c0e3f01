"""A catalogue turns over: items that were there are withdrawn.

I items.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from holdfast.core.arrays import Bools, Ints
from holdfast.simulation.changes.schedule import Change
from holdfast.simulation.draws import draws


@dataclass(frozen=True, kw_only=True)
class CatalogueTurnover(Change):
    """A share of the items born before the change is withdrawn on the days of the ramp, evenly.

    New ones keep being born, and fill the requests. An item that is gone does not come back.

    Attributes:
        strength: share of the items, in [0, 1].
    """

    def withdrawn(self, birth_day: Ints, day: int, *, seed: int) -> Bools:
        """Whether an item is gone on a day, ``[I]``.

        Args:
            birth_day: of the items, ``[I]``.
            day: today.
            seed: of the world.
        """
        if self.strength == 0.0 or day < self.start_day:
            return np.zeros(len(birth_day), dtype=bool)
        chance = draws(seed, "turnover").uniform(np.arange(len(birth_day)), 2)
        last_day = self.start_day + (chance[:, 1] * self.ramp_days).astype(np.int64)
        return (birth_day < self.start_day) & (chance[:, 0] < self.strength) & (day >= last_day)
