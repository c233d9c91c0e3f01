"""Users: who they are in truth, and what the log may know of them.

U users, G topics, M markets.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from holdfast.core.arrays import Bools, Floats, Ints
from holdfast.core.random import generator
from holdfast.simulation.changes.new_market import NewMarket
from holdfast.simulation.record import joined

MARKETS = ("north", "south", "west", "east")
"""The last one is empty until it grows in; see ``NewMarket``."""
NEW_MARKET = "east"
MARKET_SHARES = (0.5, 0.3, 0.2)
MARKET_ACTIVITY = (0.0, 0.3, -0.4, -0.2)
MARKET_TASTE_SD = 0.6
DEVICES = ("phone", "desktop", "tablet")
# How devices are spread in each market: a row a market, a column a device.
DEVICE_SHARES = ((0.60, 0.30, 0.10), (0.85, 0.10, 0.05), (0.40, 0.45, 0.15), (0.90, 0.04, 0.06))
FRAILTY_OF_ACTIVITY = 0.6
DECLARED_TOPICS = 3
DECLARED_NOISE_SD = 0.7
PEAK_HOURS = (8.0, 12.5, 20.0)
PEAK_SHARES = (0.3, 0.2, 0.5)


@dataclass(frozen=True)
class Users:
    """The truth about U users; none of it is in the log.

    Attributes:
        interest: liking of each topic on the first day, about standard normal within a market, ``[U, G]``.
        activity: tendency to go on within a visit, log odds, ``[U]``.
        frailty: tendency to come back, log odds, mean 0, ``[U]``.
        peak_hour: hour of the day around which visits start, ``[U]``.
        arrival_day: day of the first visit; day 0 is the first of the log, ``[U]``.
    """

    interest: Floats
    activity: Floats
    frailty: Floats
    peak_hour: Floats
    arrival_day: Ints


@dataclass(frozen=True)
class ObservedUsers:
    """What the log knows of U users.

    Attributes:
        market: index into ``MARKETS``, ``[U]``.
        device: index into ``DEVICES``, ``[U]``.
        declared: the topics that the user says are of interest, ``[U, G]``.
    """

    market: Ints
    device: Ints
    declared: Bools


def draw_users(
    *,
    num_users: int,
    num_topics: int,
    first_day: int,
    num_days: int,
    established_share: float,
    frailty_sd: float,
    seed: int,
    new_market: NewMarket | None = None,
    later_days: int = 0,
) -> tuple[Users, ObservedUsers]:
    r"""Draw a population in which segments differ in taste and in activity.

    With market m(u), independent standard normal e, and G topics:

    .. math::
        \theta_{ug} &= \tau_{m(u) g} + e_{ug}, \qquad \tau_{mg} \sim N(0, 0.6^2) \\
        a_u &= \alpha_{m(u)} + 0.8 \, e_u \\
        f_u &= \sigma_f \, (0.6 \, e_u + 0.8 \, e'_u)

    so that lively users are also the ones who come back (in the panel of ``docs/world.md`` more than half of
    the relation between activity and return is between users). Declared topics are the three largest of
    :math:`\theta_{ug} + 0.7 \, e''_{ug}`: true, but not the whole truth.

    Args:
        num_users: users who come by the end of the log; they are the first rows.
        num_topics: G.
        first_day: the first day that is simulated; below 0 for days before the log.
        num_days: days of the log.
        established_share: share of users whose first visit is on ``first_day``; the others arrive evenly
            over the days after it.
        frailty_sd: standard deviation of the frailty, >= 0.
        seed: of the world.
        new_market: who belongs to a market that grows in; None for nobody.
        later_days: days after the log on which further users arrive, evenly and as many a day as those who
            were not there from the start. They do not change who the others are, and more of these days do
            not change who came on the first of them.

    Returns:
        The truth and what is known, each U rows: ``num_users``, then the later ones by day of arrival.
    """
    taste_MG = _tastes(num_topics, seed=seed)
    change = new_market or NewMarket()
    newcomer, newcomer_arrival = change.members(num_users, seed=seed)
    truth, observed = _cohort(
        generator(seed, "users"),
        newcomer,
        taste_MG,
        days=(first_day, num_days),
        established_share=established_share,
        frailty_sd=frailty_sd,
    )
    arrival = np.where(newcomer, newcomer_arrival, truth.arrival_day)
    cohorts = [(replace(truth, arrival_day=arrival), observed)]
    rate = (1.0 - established_share) * num_users / (num_days - first_day)
    for later in range(later_days):
        day, before = num_days + later, math.floor(rate * later)
        user = num_users + np.arange(before, math.floor(rate * (later + 1)))
        cohorts.append(
            _cohort(
                generator(seed, "later users", day),
                change.among_later(user, day, seed=seed),
                taste_MG,
                days=(day, day + 1),
                established_share=0.0,
                frailty_sd=frailty_sd,
            )
        )
    return joined([each for each, _ in cohorts]), joined([each for _, each in cohorts])


def _tastes(num_topics: int, *, seed: int) -> Floats:
    """Tastes of the markets, ``[M, G]``."""
    # The new market is drawn apart: whether it comes or not, the others stay what they are.
    taste_MG = np.concatenate(
        [
            generator(seed, "tastes").standard_normal((len(MARKET_SHARES), num_topics)),
            generator(seed, "new tastes").standard_normal((1, num_topics)),
        ]
    )
    return np.asarray(MARKET_TASTE_SD * taste_MG)


def _cohort(
    draw: np.random.Generator,
    newcomer: Bools,
    taste_MG: Floats,
    *,
    days: tuple[int, int],
    established_share: float,
    frailty_sd: float,
) -> tuple[Users, ObservedUsers]:
    """Users who arrive on the first of the days or evenly over all of them, the last excluded.

    Those of ``newcomer [U]`` belong to the new market; see ``draw_users`` for the equations.
    """
    num_users, num_topics = len(newcomer), taste_MG.shape[1]
    market = draw.choice(len(MARKET_SHARES), size=num_users, p=MARKET_SHARES)
    market[newcomer] = MARKETS.index(NEW_MARKET)
    interest = taste_MG[market] + draw.standard_normal((num_users, num_topics))
    lively = draw.standard_normal(num_users)
    own = draw.standard_normal(num_users)
    frailty = FRAILTY_OF_ACTIVITY * lively + np.sqrt(1.0 - FRAILTY_OF_ACTIVITY**2) * own
    peak = np.asarray(PEAK_HOURS)[draw.choice(len(PEAK_HOURS), size=num_users, p=PEAK_SHARES)]
    arrival = draw.integers(*days, size=num_users)
    established = draw.random(num_users) < established_share
    truth = Users(
        interest=interest,
        activity=np.asarray(MARKET_ACTIVITY)[market] + 0.8 * lively,
        frailty=frailty_sd * frailty,
        peak_hour=peak + draw.standard_normal(num_users),
        arrival_day=np.where(established, days[0], arrival),
    )
    step = np.cumsum(DEVICE_SHARES, axis=1)[market]
    device = (draw.random(num_users)[:, None] > step[:, :-1]).sum(axis=1)
    said = interest + DECLARED_NOISE_SD * draw.standard_normal(interest.shape)
    rank = np.argsort(np.argsort(-said, axis=1, kind="stable"), axis=1, kind="stable")
    return truth, ObservedUsers(market=market, device=device, declared=rank < DECLARED_TOPICS)
