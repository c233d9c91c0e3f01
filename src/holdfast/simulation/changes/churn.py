"""Churn: some leave, and do not come back.

V visitors.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from holdfast.core.arrays import Bools, Floats
from holdfast.simulation.changes.schedule import Change

DISAPPOINTMENT = 2.0


@dataclass(frozen=True, kw_only=True)
class Churn(Change):
    r"""After a visit a user leaves for good with probability :math:`\min(1, level \cdot e^{-2 S})`.

    S is the satisfaction after the visit: the disappointed leave first.

    Attributes:
        strength: chance to leave after a visit with satisfaction 0, in [0, 1].
    """

    def leave(self, satisfaction: Floats, uniform: Floats, day: int) -> Bools:
        """Who leaves for good, ``[V]``.

        Args:
            satisfaction: after the visit, ``[V]``.
            uniform: numbers in (0, 1), ``[V]``.
            day: today.
        """
        return np.asarray(uniform < self.level(day) * np.exp(-DISAPPOINTMENT * satisfaction))
