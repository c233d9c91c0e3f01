"""Small convex problems that gradient balancing comes down to, for T objectives.

All work on cosines of gradients rather than on their inner products, so that gradients whose lengths differ
by many orders of magnitude lose no digits. T is small: a solve takes tens of microseconds.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import solve_triangular
from scipy.optimize import nnls

from holdfast.core.arrays import Floats

RIDGE = 1e-10
"""Added to the diagonal of the cosines: gradients that are the same, or opposite, leave a unique solution."""
BARGAIN_RIDGE = 1e-8
"""The same for bargains, where it bounds coefficients: objectives that cannot all gain would ask for any."""


class Cone:
    """Non-negative combinations of T unit gradients.

    Args:
        cosines: of the gradients, ``[T, T]``.
    """

    def __init__(self, cosines: Floats) -> None:
        self.matrix = cosines + RIDGE * np.eye(len(cosines))
        self.lower = np.linalg.cholesky(self.matrix)

    def highest(self, slope: Floats) -> Floats:
        r"""Coefficients :math:`y \ge 0` with the largest :math:`l^\top y - \tfrac12 y^\top C y`, ``[T]``."""
        target = solve_triangular(self.lower, slope, lower=True, check_finite=False)
        found: Floats = nnls(self.lower.T, target)[0]
        return found

    def agreeing(self, which: int) -> Floats:
        """Coefficients of the vector nearest to one of the gradients that opposes none of them, ``[T]``."""
        # By what must be added, which is never negative (the dual cone).
        added: Floats = nnls(self.lower.T, -self.lower.T[:, which])[0]
        added[which] += 1.0
        return added


def bargain(cosines: Floats, shares: Floats, *, steps: int = 100) -> Floats:
    r"""The coefficients :math:`b > 0` with :math:`b_k (C b)_k = p_k`, ``[T]``.

    They minimise :math:`\tfrac12 b^\top C b - \sum_k p_k \ln b_k`, by Newton's method.

    Args:
        cosines: C, ``[T, T]``.
        shares: p, > 0, ``[T]``.
        steps: the most steps; each doubles the digits once it is near.
    """
    matrix = cosines + BARGAIN_RIDGE * np.eye(len(cosines))
    found = np.sqrt(shares)
    scale = shares.min()
    for _ in range(steps):
        slope = matrix @ found - shares / found
        move = -np.linalg.solve(matrix + np.diag(shares / found**2), slope)
        # The decrement of a self-concordant function: a step damped by it stays positive.
        decrement = float(np.sqrt(max(-slope @ move, 0.0) / scale))
        found = found + (move if decrement < 0.25 else move / (1.0 + decrement))
        if decrement < 1e-12:
            break
    return found
