"""Whether the log holds what an evaluation policy would do.

N rows, A actions, S slots.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from holdfast.core.arrays import Floats, Ints
from holdfast.evaluation.off_policy.policy_probabilities import ProbabilityBlock

EVERY_SLOT = "all"
"""Stands for the slot of a log without slots."""


@dataclass
class SupportCounter:
    """Counts, slot by slot, how often each action was logged and how much the policy wants it.

    Attributes:
        num_rows: rows counted.
        logged: by slot, how often each action was logged, ``[A]``.
        wanted: by slot, the sum of the policy's probabilities, ``[A]``.
    """

    num_rows: int = 0
    logged: dict[object, Floats] = field(default_factory=dict)
    wanted: dict[object, Floats] = field(default_factory=dict)

    def add(self, block: ProbabilityBlock, actions: Ints, slots: NDArray[np.generic] | None) -> None:
        """Counts the rows of a block that has the probabilities of all actions."""
        self.num_rows += actions.size
        names = [EVERY_SLOT] if slots is None else list(np.unique(slots))
        for name in names:
            if len(names) == 1:
                mass, here = block.mass(), actions
            else:
                rows = np.flatnonzero(slots == name)
                here = actions[rows]
                mass = np.asarray(block.table[rows].sum(axis=0, dtype=np.float64)).ravel()
            key = name.item() if isinstance(name, np.generic) else name
            self.logged[key] = self.logged.get(key, 0.0) + np.bincount(here, minlength=mass.size)
            self.wanted[key] = self.wanted.get(key, 0.0) + mass

    def violation(self) -> Support:
        """What the counts say."""
        missing = {
            slot: float(mass[self.logged[slot] == 0.0].sum()) for slot, mass in self.wanted.items()
        }
        total = sum(missing.values()) / self.num_rows if self.num_rows else 0.0
        never = np.all([counts == 0.0 for counts in self.logged.values()], axis=0)
        wanted = sum(self.wanted.values())
        return Support(
            violation=total,
            by_slot={slot: mass / self.num_rows for slot, mass in missing.items()},
            never_logged=tuple(int(action) for action in np.flatnonzero(never & (wanted > 0.0))),
        )


@dataclass(frozen=True)
class Support:
    """What of an evaluation policy the log cannot see.

    Attributes:
        violation: share of its probability on actions that were never logged in that slot, in [0, 1].
        by_slot: the same, split by slot.
        never_logged: actions that it would choose and that were never logged in any slot.
    """

    violation: float
    by_slot: Mapping[object, float]
    never_logged: tuple[int, ...]
