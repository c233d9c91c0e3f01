"""What a policy is truly worth in a world, by simulating it again and again.

R repeats.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields, replace

import numpy as np

from holdfast.core.arrays import Bools
from holdfast.simulation.loop import PolicyOn, Run
from holdfast.simulation.mechanisms import Mechanisms
from holdfast.simulation.observing import ObservingPolicy, tell
from holdfast.simulation.policy import Policy
from holdfast.simulation.publishing import Publication
from holdfast.simulation.record import Day


@dataclass(frozen=True)
class Estimate:
    """A mean over independent repeats and its standard error."""

    mean: float
    standard_error: float


@dataclass(frozen=True, kw_only=True)
class Value:
    """What happens under a policy from day 0 to the horizon.

    Attributes:
        clicks: a user who has arrived by the horizon.
        dwell_seconds: a user who has arrived by the horizon.
        visits: days with a visit, a user who has arrived by the horizon.
        click_rate: clicks an impression.
        next_day_return: share of the visits that are followed by one on the next day.
        satisfaction: after a visit, mean over the visits.
    """

    clicks: Estimate
    dwell_seconds: Estimate
    visits: Estimate
    click_rate: Estimate
    next_day_return: Estimate
    satisfaction: Estimate


def true_value(
    parts: Mechanisms,
    policy: Policy | Callable[[], Policy],
    *,
    before: PolicyOn,
    horizon_days: int,
    repeats: int,
    publication: Publication | None = None,
    threads: int = 1,
) -> Value:
    """Value of serving a policy from day 0 on, in a world as another policy left it.

    Every repeat is the same world, with the same users and items, under other luck. Clicks are counted as
    their true probabilities: the same mean with less noise. The standard error is that of the mean over the
    repeats; it is about this world, not about worlds with other seeds.

    Args:
        parts: the world.
        policy: from day 0 on; or what makes it anew for every repeat, without arguments. An
            ``ObservingPolicy`` has to be made anew, and is told of every day, those before day 0 included.
        before: what serves the days before day 0.
        horizon_days: days that count, at least 2.
        repeats: R, at least 2.
        publication: how the world writes its log; needed for an ``ObservingPolicy``.
        threads: how many threads work.

    Raises:
        ValueError: a number is too small, nobody came at all, the policy broke its contract, or it remembers
            what it was told and is not made anew.
    """
    for name, number in (("horizon_days", horizon_days), ("repeats", repeats)):
        if number < 2:
            raise ValueError(f"{name} is {number}; it must be at least 2")
    if not callable(policy) and isinstance(policy, ObservingPolicy):
        raise ValueError(
            f"policy {policy.name!r} is told what happened every night, and would take what it was told in "
            f"one repeat into the next of {repeats}; give a function that makes a new one, store and all"
        )
    rows = []
    for luck in range(1, repeats + 1):
        run = Run(replace(parts, luck=luck), threads=threads)
        serving = policy() if callable(policy) else policy
        while run.day < 0:
            day = run.step(before(run.day))
            tell(serving, publication, number=run.day - 1, day=day)
        totals = _Totals(num_users=len(parts.users.arrival_day))
        while run.day < horizon_days:
            day = run.step(serving)
            tell(serving, publication, number=run.day - 1, day=day)
            totals.add(day)
        rows.append(totals.figures(num_arrived=int((parts.users.arrival_day < horizon_days).sum())))
    names = [each.name for each in fields(Value)]
    values = np.asarray([[row[name] for name in names] for row in rows])
    errors = values.std(axis=0, ddof=1) / math.sqrt(repeats)
    pairs = zip(names, values.mean(axis=0).tolist(), errors.tolist(), strict=True)
    return Value(**{name: Estimate(mean, error) for name, mean, error in pairs})


class _Totals:
    """Sums over days, in memory that does not grow with them."""

    def __init__(self, *, num_users: int) -> None:
        self._sums = dict.fromkeys(("clicks", "dwell", "impressions", "visits", "satisfaction"), 0.0)
        self._followed = self._could_be_followed = 0
        self._num_users = num_users
        self._yesterday: Bools = np.zeros(num_users, dtype=bool)

    def add(self, day: Day | None) -> None:
        here = np.zeros(self._num_users, dtype=bool)
        if day is not None:
            here[day.visits.user] = True
            requests = day.requests
            self._sums["clicks"] += float(requests.click_probability.sum(dtype=np.float64))
            self._sums["dwell"] += float(np.nansum(requests.dwell_seconds))
            self._sums["impressions"] += requests.item.size
            self._sums["visits"] += len(day.visits.user)
            self._sums["satisfaction"] += float(day.visits.satisfaction_after.sum())
        self._could_be_followed += int(self._yesterday.sum())
        self._followed += int((self._yesterday & here).sum())
        self._yesterday = here

    def figures(self, *, num_arrived: int) -> dict[str, float]:
        sums = self._sums
        if not sums["visits"] or not self._could_be_followed:
            raise ValueError("nobody visited before the horizon; raise num_users or horizon_days")
        return {
            "clicks": sums["clicks"] / num_arrived,
            "dwell_seconds": sums["dwell"] / num_arrived,
            "visits": sums["visits"] / num_arrived,
            "click_rate": sums["clicks"] / sums["impressions"],
            "next_day_return": self._followed / self._could_be_followed,
            "satisfaction": sums["satisfaction"] / sums["visits"],
        }
