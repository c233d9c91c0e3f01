"""Do the users of a log come back like people do? Hazards by days of absence, and who comes back.

W visits: one a user and day.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import xlogy

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


@dataclass(frozen=True)
class ConstantHazard:
    """The one hazard that fits best, and how badly it fits.

    Attributes:
        hazard: the chance of a return on any day, if it were the same on all.
        misfit: likelihood-ratio statistic against a hazard of its own for each gap; where the constant is
            true, about chi-square with one degree of freedom less than there are gaps.
        still_away: share not back after the longest gap that it predicts.
    """

    hazard: float
    misfit: float
    still_away: float


def constant_hazard(hazard: Floats, at_risk: Ints) -> ConstantHazard:
    r"""Fit one hazard to all gaps.

    .. math:: \hat p = \frac{\sum_g n_g h_g}{\sum_g n_g}, \qquad
        G^2 = 2 \sum_g n_g \left( h_g \log \frac{h_g}{\hat p}
        + (1 - h_g) \log \frac{1 - h_g}{1 - \hat p} \right)

    Args:
        hazard: h, by gap, as ``return_hazard`` gives it, ``[G]``.
        at_risk: n, ``[G]``.
    """
    pooled = float((hazard * at_risk).sum() / at_risk.sum())
    terms = xlogy(hazard, hazard / pooled) + xlogy(1.0 - hazard, (1.0 - hazard) / (1.0 - pooled))
    return ConstantHazard(pooled, float(2.0 * (at_risk * terms).sum()), (1.0 - pooled) ** len(hazard))


@dataclass(frozen=True)
class ActivitySlopes:
    """How return on the next day rises with log(1 + activity of the day).

    Attributes:
        pooled: over all user-days: who somebody is and what the day was like, together.
        within: around each user's own means: the day alone.
    """

    pooled: float
    within: float


def activity_slopes(
    user: Ints, day: Ints, amount: Floats, *, end_day: int, least_days: int = 5
) -> ActivitySlopes:
    """Least-squares slopes over days on which a user was active and the next day was observed.

    Args:
        user: ``[W]``, each user's day once.
        day: ``[W]``.
        amount: how much a user did on the day, at least 0, ``[W]``.
        end_day: the first day that is not observed any more.
        least_days: users with fewer such days do not count in ``within``.
    """
    order = np.lexsort((day, user))
    user, day, amount = user[order], day[order], np.log1p(amount[order])
    back = np.zeros(len(user))
    back[:-1] = (user[1:] == user[:-1]) & (day[1:] == day[:-1] + 1)
    seen = day < end_day - 1
    user, amount, back = user[seen], amount[seen], back[seen]
    group = np.unique(user, return_inverse=True)[1]
    count = np.bincount(group)
    around = [each - (np.bincount(group, each) / count)[group] for each in (amount, back)]
    often = count[group] >= least_days
    return ActivitySlopes(_slope(amount, back), _slope(around[0][often], around[1][often]))


def _slope(along: Floats, values: Floats) -> float:
    centred = along - along.mean()
    return float((centred * (values - values.mean())).sum() / (centred**2).sum())
