"""When a user's requests come within a day of visit.

U visiting users.
"""

from __future__ import annotations

import numpy as np
from scipy.special import expit, ndtri

from holdfast.core.arrays import Floats, Ints
from holdfast.simulation.calendar import DAY_SECONDS

MOST_REQUESTS = 3
HOUR_SPREAD = 2.5
PAUSE_MEDIAN_SECONDS = 900.0
PAUSE_LOG_SD = 1.8


def num_requests(activity: Floats, uniform: Floats) -> Ints:
    r"""How many requests a visit has, ``[U]``: :math:`1 + \mathrm{Binomial}(2, \sigma(a_u))`.

    Args:
        activity: log odds to go on, ``[U]``.
        uniform: numbers in (0, 1), ``[U, 2]``.
    """
    return np.asarray(1 + (uniform < expit(activity)[:, None]).sum(axis=1))


def first_request_seconds(peak_hour: Floats, normal: Floats, *, latest: float) -> Floats:
    """Start of a visit in seconds after local midnight, ``[U]``, in (0, latest).

    Normal around the user's peak hour with a spread of 2.5 hours, reflected at midnight and at ``latest``.

    Args:
        peak_hour: ``[U]``.
        normal: standard normal numbers, ``[U]``.
        latest: no request starts after this second of the day.
    """
    seconds = 3600.0 * (peak_hour + HOUR_SPREAD * normal)
    folded = np.abs(np.mod(seconds + latest, 2.0 * latest) - latest)
    return np.asarray(np.clip(folded, 1.0, latest - 1.0))


def next_request_seconds(seconds: Floats, stayed_seconds: Floats, uniform: Floats) -> Floats:
    """Start of the next request of a visit, ``[U]``: after what was read, and a pause.

    The pause is log-normal with a median of 15 minutes and a long tail, so some are back at once and some in
    the evening. A start past the end of the day means that the visit is over.

    Args:
        seconds: start of the request before, ``[U]``.
        stayed_seconds: sum of its dwell, ``[U]``.
        uniform: numbers in (0, 1), ``[U]``.
    """
    pause = PAUSE_MEDIAN_SECONDS * np.exp(PAUSE_LOG_SD * ndtri(uniform))
    return np.asarray(seconds + stayed_seconds + 1.0 + pause)


def latest_start(num_slots: int, *, longest_seconds: float, day_seconds: float = DAY_SECONDS) -> float:
    """Last second of the day at which a request may start so that all it shows can be read by midnight."""
    return day_seconds - num_slots * longest_seconds
