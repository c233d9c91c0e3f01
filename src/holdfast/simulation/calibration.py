"""Does a log come back like people do? The hazard of return by days of absence.

W visits: one a user and day.
"""

from __future__ import annotations

import numpy as np

from holdfast.core.arrays import Floats, Ints

PANEL_HAZARD = (0.695, 0.344, 0.225, 0.183, 0.140, 0.122, 0.104, 0.094)
"""Hazard of return 1 to 8 days after a visit, of 9,644 users of a short-video app over 23 days; the default
world is held to it within 0.03. See ``docs/world.md``."""


def return_hazard(user: Ints, day: Ints, *, end_day: int, longest_gap: int) -> tuple[Floats, Ints]:
    r"""Hazard of return by gap: of those not back before, the share back on the g-th day after a visit.

    .. math:: \hat h_g = \frac{\#\{gap = g\}}{\#\{gap \ge g,\ \text{day} + g < end\}}

    Absences that the end of the log cuts off count for as long as they were seen; dropping them would make
    everybody look loyal.

    Args:
        user: of each visit, ``[W]``; a user's day may be repeated.
        day: of each visit, ``[W]``.
        end_day: the first day that is not observed any more.
        longest_gap: G, at least 1.

    Returns:
        The hazard after 1 to G days, NaN where nobody is at risk, ``[G]``; and how many are at risk, ``[G]``.

    Source: Kaplan and Meier (1958).
    """
    pair = np.unique(np.stack([user, day]), axis=1)
    user, day = pair[0], pair[1]
    gap = np.full(len(user), np.iinfo(np.int64).max)
    gap[:-1] = np.where(user[1:] == user[:-1], day[1:] - day[:-1], gap[:-1])
    follow_up = end_day - 1 - day
    gaps = np.arange(1, longest_gap + 1)
    at_risk = ((gap[:, None] >= gaps) & (follow_up[:, None] >= gaps)).sum(axis=0)
    back = ((gap[:, None] == gaps) & (follow_up[:, None] >= gaps)).sum(axis=0)
    with np.errstate(invalid="ignore"):
        return np.where(at_risk > 0, back / at_risk, np.nan), at_risk
