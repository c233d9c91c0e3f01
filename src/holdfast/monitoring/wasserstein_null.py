"""How large a Wasserstein-1 distance between two samples is when nothing has changed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from holdfast.core.arrays import Floats
from holdfast.core.random import generator

NUM_DRAWS = 999


@lru_cache(maxsize=4)
def _steps(num_points: int) -> Floats:
    """Normal draws, ``[999, num_points]``, shared by columns of one size: drawing takes most of the time."""
    steps = generator(0, "monitoring", "wasserstein").normal(size=(NUM_DRAWS, num_points))
    steps.setflags(write=False)
    return steps


@lru_cache(maxsize=2)
def _bridges(share: bytes) -> Floats:
    """Distances from 0 of bridges at the borders of cells, ``[999, K - 1]``, from the cells' shares.

    Columns without ties that hold as many values have the same shares, so that a table draws them once.
    """
    cells = np.frombuffer(share)
    upto = np.cumsum(cells)
    walk = _steps(len(cells)) * np.sqrt(cells)
    np.cumsum(walk, axis=1, out=walk)
    bridge = walk[:, :-1] - walk[:, -1:] * upto[:-1]
    np.abs(bridge, out=bridge)
    bridge.setflags(write=False)
    return bridge


@dataclass(frozen=True, kw_only=True)
class WassersteinNull:
    r"""The law of :math:`\sqrt{NM/(N+M)}\, W_1` without change.

    It tends to :math:`\int |B(F(x))| dx` with a Brownian bridge B, drawn here over the support of the
    reference. Beyond the draws the tail is bounded: the distance is the supremum of a Gaussian process over
    the functions of slope 1 at most, none of which varies more than the column itself, so that
    :math:`P(W > E W + t) \le \exp(-t^2 / 2 \sigma^2)`.

    Source: del Barrio, Gine and Matran (1999) for the limit; Borell (1975) for the tail.

    Attributes:
        draws: sorted draws, ``[999]``.
        mean: their mean.
        variance: variance of the column.
    """

    draws: Floats
    mean: float
    variance: float

    @classmethod
    def of(cls, support: Floats, weights: NDArray[np.number]) -> WassersteinNull:
        """The law for a column given as a weighted sample, sorted, ``[K]``; the same draws each time."""
        total = float(weights.sum())
        share = weights / total
        centre = float(np.dot(support, share))
        variance = float(np.dot((support - centre) ** 2, share))
        if len(support) < 2:
            return cls(draws=np.zeros(NUM_DRAWS), mean=0.0, variance=0.0)
        draws = np.sort(_bridges(share.tobytes()) @ np.diff(support))
        return cls(draws=draws, mean=float(draws.mean()), variance=variance)

    def p_value(self, distance: float, *, num_reference: int, num_current: int) -> float:
        """Chance of a distance at least this large without any change, in [0, 1]."""
        scaled = distance * math.sqrt(num_reference * num_current / (num_reference + num_current))
        exceeding = NUM_DRAWS - int(np.searchsorted(self.draws, scaled, "left"))
        drawn = (1 + exceeding) / (NUM_DRAWS + 1)
        if scaled <= self.mean or self.variance == 0.0:
            return drawn
        return min(drawn, math.exp(-((scaled - self.mean) ** 2) / (2 * self.variance)))
