"""What a ranker's order is worth by the world's truth, and when that falls.

N rows, Q requests, K slots, T days.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import norm

from holdfast.core.arrays import Floats

DWELL_SPREAD = 1.0
"""Standard deviation of log seconds in the default world."""
AVERAGED_DAYS = 3
TOLERANCE = 0.05
ONE_SIDED = 1.645
"""Standard errors that chance exceeds in 5 % of the cases."""


def expected_seconds(log_mean: Floats, content_seconds: Floats) -> Floats:
    r"""Mean of :math:`\min(D, L)` for a log-normal D, in seconds, ``[N]``.

    .. math:: e^{\mu + \sigma^2 / 2} \Phi(z - \sigma) + L (1 - \Phi(z)), \qquad z = (\log L - \mu) / \sigma
    """
    z = (np.log(content_seconds) - log_mean) / DWELL_SPREAD
    inside = np.exp(log_mean + DWELL_SPREAD**2 / 2.0) * norm.cdf(z - DWELL_SPREAD)
    return np.asarray(inside + content_seconds * norm.sf(z))


def seconds_if_looked_at(frame: pd.DataFrame, truth: pd.DataFrame, *, look: Floats) -> Floats:
    """Expected seconds of each row of a log once it is looked at, whatever its slot, ``[N]``.

    Args:
        frame: the log, with ``slot`` and ``content_seconds``.
        truth: of its impressions.
        look: chance that a slot is looked at, ``[K]``.
    """
    liking = truth["click_probability"].to_numpy() / look[frame["slot"].to_numpy()]
    return np.asarray(
        liking * expected_seconds(truth["dwell_log_mean"].to_numpy(), frame["content_seconds"].to_numpy())
    )


@dataclass(frozen=True)
class Worth:
    """What a ranker's order is worth, day by day.

    Attributes:
        gained: seconds over a random order, of all requests, ``[T]``.
        possible: the same of the best order, ``[T]``.
        requests: how many there were, ``[T]``.
    """

    gained: Floats
    possible: Floats
    requests: Floats

    def a_request(self, first: int, end: int | None = None) -> float:
        """Seconds gained a request over some days; NaN where nobody came."""
        chosen = slice(first, end)
        number = float(self.requests[chosen].sum())
        return float(self.gained[chosen].sum()) / number if number else math.nan

    def skill(self, first: int) -> float:
        """Share of what can be gained that is, from a day on."""
        return float(self.gained[first:].sum() / self.possible[first:].sum())


def gains(seconds: Floats, score: Floats, *, look: Floats) -> tuple[Floats, Floats]:
    """What a ranker's order gains over chance in each request, and what the best one would, ``[Q]`` each.

    Args:
        seconds: true worth of the items of each request, ``[Q, K]``.
        score: by which the ranker orders them, ``[Q, K]``.
        look: chance that a slot is looked at, ``[K]``.
    """
    chance = seconds.mean(axis=1) * look.sum()
    order = np.argsort(-score, axis=1, kind="stable")
    gained = np.take_along_axis(seconds, order, axis=1) @ look - chance
    return gained, -np.sort(-seconds, axis=1) @ look - chance


def worth_by_day(requests: pd.DataFrame, *, num_days: int) -> Worth:
    """Requests with ``day`` (from 0), ``gained`` and ``possible``, summed by day."""
    day = requests["day"].to_numpy()
    return Worth(
        np.bincount(day, requests["gained"], num_days).astype(np.float64),
        np.bincount(day, requests["possible"], num_days).astype(np.float64),
        np.bincount(day, minlength=num_days).astype(np.float64),
    )


def log_ratio_error(drifted: pd.DataFrame, twin: pd.DataFrame) -> float:
    r"""Standard error of the logarithm of one world's gain a request over its twin's, users being drawn.

    .. math:: \sum_u \left(\frac{g_u}{G} - \frac{n_u}{N} - \frac{g'_u}{G'} + \frac{n'_u}{N'}\right)^2

    is its square, with gains g and requests n of a user and G and N of all; twins have the same users.

    Args:
        drifted: a row a request, with ``user`` and ``gained``.
        twin: the same of its twin.
    """
    influence = pd.Series(dtype=np.float64)
    for requests, sign in ((drifted, 1.0), (twin, -1.0)):
        by_user = requests.groupby("user")["gained"].agg(["sum", "count"])
        shares = by_user / by_user.sum()
        influence = influence.add(sign * (shares["sum"] - shares["count"]), fill_value=0.0)
    return float(np.sqrt((influence**2).sum()))


def fall_day(drifted: Worth, twin: Worth, *, onset: int, log_error: float = 0.0) -> int | None:
    """First day on which what is gained a request and in three days' mean is below 95 % of the twin's.

    The mean looks ahead, and would lie below on the days before an abrupt change too: so the day itself must.

    Requests differ between twins, so that a three-day mean wanders by chance. So a change is harmless, and
    the value never falls, unless over all days from the onset on less than 95 % of the twin's gain is kept,
    and that is more than chance.

    Args:
        drifted: with the change.
        twin: the same world without it.
        onset: day on which the change begins; the first that is asked.
        log_error: standard error of the logarithm of what is kept over all these days, >= 0.

    Returns:
        None where it never falls, or the twin's order gains nothing that could.
    """
    floor = 1.0 - TOLERANCE
    if not twin.a_request(onset) > 0.0:
        return None
    kept = drifted.a_request(onset) / twin.a_request(onset)
    if not kept < min(floor, math.exp(-ONE_SIDED * log_error)):
        return None
    # Fewer than three days at the very end are no mean of three.
    for day in range(onset, len(twin.gained) - AVERAGED_DAYS + 1):
        ends = (day + 1, day + AVERAGED_DAYS)
        if all(drifted.a_request(day, end) < floor * twin.a_request(day, end) for end in ends):
            return day
    return None
