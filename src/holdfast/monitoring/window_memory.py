"""A regression of windows on their seasons, under each memory that they may have of each other.

R windows, S signals, P seasons, M memories.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.linalg import solve_triangular

from holdfast.core.arrays import Floats, Ints

MEMORY = tuple(
    (correlation, noise)
    for correlation in (0.0, 0.2, 0.4, 0.6, 0.8, 0.9, 0.95)
    for noise in (0.0, 0.5)
    if correlation > 0.0 or noise == 0.0
)
"""Correlation of neighbouring windows, and the share of the variance that is new in every window."""

EM_STEPS = 100
DOUBT = 0.1


@dataclass(frozen=True)
class Fit:
    """The regression on seasons of S signals under one memory."""

    coefficients: Floats  # [P, S]
    variance: Floats  # [S]
    inverse: Floats  # [P, P]
    log_evidence: Floats  # [S]


@dataclass(frozen=True)
class _Whitening:
    """What the fit under one memory needs of the windows' times and seasons alone."""

    factor: Floats  # [R, R], lower: of the covariance's inverse
    design: Floats  # [R, P], white
    inverse: Floats  # [P, P]
    log_evidence: float


def fit_memories(values: Floats, time: Ints, design: Floats) -> tuple[Fit, ...]:
    """A fit under each of ``MEMORY``: of ``values`` ``[R, S]`` on ``design`` ``[R, P]``."""
    degrees = values.shape[0] - design.shape[1]
    fits = []
    for each in _whitenings(time.tobytes(), design.tobytes(), design.shape[1]):
        white = each.factor @ values
        coefficients = each.inverse @ (each.design.T @ white)
        squares = ((white - each.design @ coefficients) ** 2).sum(axis=0)
        squares = np.maximum(squares, np.finfo(float).tiny)
        log_evidence = each.log_evidence - 0.5 * degrees * np.log(squares)
        fits.append(Fit(coefficients, squares / degrees, each.inverse, log_evidence))
    return tuple(fits)


@lru_cache(maxsize=64)
def _whitenings(time: bytes, design: bytes, num_seasons: int) -> tuple[_Whitening, ...]:
    """One a memory; kept, because rehearsals ask for the same ones again and again."""
    moments = np.frombuffer(time, dtype=np.int64)
    seasons = np.frombuffer(design, dtype=np.float64).reshape(-1, num_seasons)
    found = []
    for covariance in covariances(moments):
        lower = np.linalg.cholesky(covariance)
        factor = solve_triangular(lower, np.eye(moments.size), lower=True)
        white = factor @ seasons
        inverse = np.linalg.inv(white.T @ white)
        evidence = -np.log(np.diag(lower)).sum() + 0.5 * np.linalg.slogdet(inverse)[1]
        found.append(_Whitening(factor, white, inverse, float(evidence)))
    return tuple(found)


def covariances(time: Ints) -> Iterator[Floats]:
    """Correlations of windows at these times under each of ``MEMORY``."""
    apart = np.abs(time[:, None] - time[None, :])
    for correlation, noise in MEMORY:
        covariance = (1.0 - noise) * correlation**apart
        np.fill_diagonal(covariance, 1.0)
        yield covariance


def memory_posterior(log_evidence: Floats, prior: Floats) -> Floats:
    """Chance of each memory for each signal, ``[M, S]``."""
    chance = prior[:, None] * np.exp(log_evidence - log_evidence.max(axis=0))
    return np.asarray(chance / chance.sum(axis=0))


def memory_shares(log_evidence: Floats) -> Floats:
    """How common each memory is among S signals ``[M]``; one signal's worth of doubt is spread over all."""
    num_memories, num_signals = log_evidence.shape
    likelihood = np.exp(log_evidence - log_evidence.max(axis=0))
    shares = np.full(num_memories, 1.0 / num_memories)
    for _ in range(EM_STEPS):
        counts = shares * (likelihood / (shares @ likelihood)).sum(axis=1)
        shares = (counts + DOUBT / num_memories) / (num_signals + DOUBT)
    return shares
