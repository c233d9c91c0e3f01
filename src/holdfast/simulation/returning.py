"""Whether a user comes back today.

U users.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from holdfast.core.arrays import Floats, Ints

SATURDAY = 5


@dataclass(frozen=True, kw_only=True)
class Returning:
    r"""A daily hazard of return: the chance to come back today for one who has not come back before.

    .. math:: h = \sigma\bigl(r_0 + f_u + \beta_S S_u - \delta (1 - 1 / g)
        + \omega \cos(2 \pi (weekday - 5) / 7) + z_t\bigr)

    with frailty f (who somebody is), satisfaction S (what they were shown), gap g = 1, 2, ... days since the
    last visit, and z, what a season or a holiday adds on day t. The gap term makes the second day harder than
    the first and saturates; beyond that the hazard of a crowd falls because those who come back easily are
    gone from it. Calibrated to a published panel; see ``docs/world.md``.

    Attributes:
        level: r_0.
        satisfaction_effect: beta_S >= 0, log odds of return per unit of satisfaction.
        gap_effect: delta >= 0.
        season_effect: omega, log odds; weekends bring people back.
    """

    level: float
    satisfaction_effect: float
    gap_effect: float
    season_effect: float

    def hazard(
        self, *, frailty: Floats, satisfaction: Floats, gap_days: Ints, weekday: int, today: float = 0.0
    ) -> Floats:
        """Chance of a visit today, in (0, 1), ``[U]``.

        Args:
            frailty: ``[U]``.
            satisfaction: ``[U]``.
            gap_days: days since the last visit, at least 1, ``[U]``.
            weekday: of today, 0 is Monday.
            today: z, log odds.
        """
        season = self.season_effect * np.cos(2.0 * np.pi * (weekday - SATURDAY) / 7.0)
        gap = self.gap_effect * (1.0 - 1.0 / gap_days)
        return np.asarray(
            expit(self.level + (season + today) + frailty + self.satisfaction_effect * satisfaction - gap)
        )
