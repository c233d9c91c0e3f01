"""Mean, standard deviation and skewness in one pass."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray


class Moments:
    """Sums of the first three central moments, merged block by block. Source: Chan, Golub and LeVeque
    (1983).
    """

    def __init__(self) -> None:
        self._count = 0
        self._mean = 0.0
        self._second = 0.0
        self._third = 0.0

    def add(self, values: NDArray[np.floating]) -> None:
        """Take in more finite values."""
        if len(values) == 0:
            return
        block = values.astype(np.float64, copy=False)
        with np.errstate(over="ignore", invalid="ignore"):
            mean = float(block.mean())
            centred = block - mean
            second, third = float((centred**2).sum()), float((centred**3).sum())
        n, m = self._count, len(block)
        total, apart = n + m, mean - self._mean
        self._third += third + apart**3 * n * m * (n - m) / total**2
        self._third += 3 * apart * (n * second - m * self._second) / total
        self._second += second + apart**2 * n * m / total
        self._mean += apart * m / total
        self._count = total

    def shape(self) -> tuple[float, float, float]:
        """Mean, standard deviation and skewness; zeros without values."""
        if self._count == 0:
            return 0.0, 0.0, 0.0
        std = math.sqrt(self._second / self._count) if self._second >= 0 else math.nan
        skewness = self._third / self._count / std**3 if std > 0 else 0.0
        return self._mean, std, skewness
