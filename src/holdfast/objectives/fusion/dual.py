"""The most of one gain subject to a floor under another, by a dual variable.

P candidates.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from holdfast.core.arrays import Floats


@dataclass(frozen=True)
class DualSolution:
    r"""The solution over finitely many candidates.

    Attributes:
        chosen: the feasible candidate with the largest gain, of equal ones that with most of the constrained
            gain; None where no candidate is feasible.
        multiplier: :math:`\lambda^*`, what the next unit of the constrained gain costs in the other one; 0
            where the constraint does not bind, infinite where nothing is feasible.
        bound: no mixture of the candidates that keeps the constraint on average has a larger gain.
        leading: the candidate with the largest Lagrangian at :math:`\lambda^*`.
    """

    chosen: int | None
    multiplier: float
    bound: float
    leading: int


def solve_dual(gain: Floats, constrained: Floats, *, least: float) -> DualSolution:
    r"""Maximise ``gain`` over the candidates whose ``constrained`` is at least ``least``.

    .. math:: \min_{\lambda \ge 0} \max_p \; R_p + \lambda (C_p - c)

    The inner maximum is convex and piecewise linear in :math:`\lambda`. Starting from an infeasible and a
    feasible maximiser, the multiplier at which both are equal is tried next; each step finds a new vertex of
    the upper hull or ends, so the minimum is exact.

    Args:
        gain: R of each candidate, ``[P]``.
        constrained: C of each candidate, ``[P]``.
        least: c.

    Source: Everett (1963) for the multiplier; the steps are those of a cutting plane method in one variable.
    """
    feasible = np.flatnonzero(constrained >= least)
    if not feasible.size:
        most = int(constrained.argmax())
        return DualSolution(None, np.inf, -np.inf, most)
    best = feasible[np.lexsort((-constrained[feasible], -gain[feasible]))[0]]
    low = _leading(gain, constrained, multiplier=0.0)
    if constrained[low] >= least:
        return DualSolution(int(best), 0.0, float(gain[low]), low)
    # Of the most constrained gain, that with the most gain: it leads where the multiplier is large enough.
    top = np.flatnonzero(constrained == constrained.max())
    high = int(top[gain[top].argmax()])
    while True:
        multiplier = float((gain[low] - gain[high]) / (constrained[high] - constrained[low]))
        lead = _leading(gain, constrained, multiplier=multiplier)
        value = gain[lead] + multiplier * constrained[lead]
        reached = gain[high] + multiplier * constrained[high]
        if not value > reached + 1e-12 * max(1.0, abs(reached)):
            break
        low, high = (low, lead) if constrained[lead] >= least else (lead, high)
    return DualSolution(int(best), multiplier, float(reached - multiplier * least), high)


def _leading(gain: Floats, constrained: Floats, *, multiplier: float) -> int:
    """The candidate with the largest Lagrangian; of equal ones that with most of the constrained gain."""
    return int(np.lexsort((-constrained, -(gain + multiplier * constrained)))[0])
