"""A proper score of any distribution of seconds: how far it lies from what happened.

N rows, G moments of a row, of which half lie before what was observed and half after.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from holdfast.core.arrays import Floats
from holdfast.evaluation import checks

_NODES, _NODE_WEIGHTS = np.polynomial.legendre.leggauss(24)
LEAST_CHANCE = 1e-12
"""A chance below this counts as this in a logarithmic score: single precision has no smaller ones near 1."""


@dataclass(frozen=True)
class CrpsMoments:
    """Where a distribution must be known to be scored, and what each place counts.

    Attributes:
        seconds: rising in each row, ``[N, G]``.
        weight: seconds that each stands for, ``[N, G]``; 0 for all of a side that has no width.
    """

    seconds: Floats
    weight: Floats

    def score(self, survival: Floats) -> Floats:
        """CRPS in seconds of each row ``[N]``, given the chance of more than ``seconds`` ``[N, G]``."""
        half = self.seconds.shape[1] // 2
        distance = np.concatenate([1.0 - survival[:, :half], survival[:, half:]], axis=1)
        return np.asarray((self.weight * distance**2).sum(1))


def crps_moments(observed: ArrayLike, limit: ArrayLike) -> CrpsMoments:
    r"""The moments at which the continuous ranked probability score of :math:`\min(T, c)` is summed.

    .. math:: \mathrm{CRPS} = \int_0^c \left(P(T \le t) - [y \le t]\right)^2 dt, \quad y = \min(t_{obs}, c)

    The limit c is known before the outcome (the content's length, and a common one where content has no end),
    so a dwell that it cut off is a whole observation of :math:`\min(T, c)`, and the score is proper for it:
    nothing that happens beyond c could be seen, and nothing predicted there counts. It is the mean absolute
    error of a distribution: that of a certain prediction is :math:`|\hat y - y|`. Both sides of y are summed
    by 24 Gauss-Legendre nodes in :math:`\log(1 + t)`.

    Args:
        observed: seconds seen, >= 0, ``[N]``; more than the limit counts as the limit.
        limit: c, > 0, finite, ``[N]``.

    Raises:
        ValueError: seconds are negative, or a limit is not above 0 and finite.

    Source: Matheson and Winkler (1976).
    """
    seen, cap = checks.finite_columns(observed=observed, limit=limit)
    if (seen < 0.0).any() or (cap <= 0.0).any():
        raise ValueError("observed seconds must be >= 0 and their limits above 0")
    middle, end = np.log1p(np.minimum(seen, cap)), np.log1p(cap)
    share = (_NODES + 1.0) / 2.0
    place = np.concatenate(
        [middle[:, None] * share, middle[:, None] + (end - middle)[:, None] * share], axis=1
    )
    width = np.concatenate([middle[:, None] * _NODE_WEIGHTS, (end - middle)[:, None] * _NODE_WEIGHTS], axis=1)
    return CrpsMoments(np.expm1(place), 0.5 * width * np.exp(place))


def censored_log_score(log_density: ArrayLike, survival: ArrayLike, cut: ArrayLike) -> Floats:
    r"""Surprise of each row in nats: minus the log-density of :math:`\log T`, or the log-chance of more.

    Args:
        log_density: of the logarithm of the seconds, at what was observed, ``[N]``; anything where ``cut``.
        survival: chance of more than what was observed, ``[N]``; anything where not ``cut``.
        cut: whether the end of the content, or the limit, cut the dwell off, ``[N]``.

    Returns:
        Of either sign, because densities may exceed 1, and at most 27.6, ``[N]``.

    Source: Good (1952) for the logarithmic score.
    """
    beyond = np.clip(np.asarray(survival, dtype=np.float64), LEAST_CHANCE, 1.0)
    floor = np.log(LEAST_CHANCE)
    of_event = -np.maximum(np.asarray(log_density, dtype=np.float64), floor)
    return np.where(np.asarray(cut, dtype=bool), -np.log(beyond), of_event)
