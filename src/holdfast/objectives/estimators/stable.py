"""Doubly robust without adding imputed losses: weights that balance them.

B rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from holdfast.objectives.estimators.doubly_robust import DoublyRobust
from holdfast.objectives.estimators.rows import ALONE, PartialErrors, Processes, Ratio

NEWTON_STEPS = 16
MAX_TILT = 4.0
"""Largest exponent: no weight changes by more than a factor of e^4."""


def stable_terms(rows: PartialErrors, across: Processes = ALONE) -> Ratio:
    r"""The stabilised doubly robust estimate (StableDR).

    .. math:: \frac{\sum_b w_b o_b e_b / \tilde p_b}{\sum_b w_b o_b / \tilde p_b}
        \quad \text{such that} \quad \sum_b w_b \frac{o_b}{\tilde p_b} (\hat e_b - \bar e) = 0, \quad
        \bar e = \frac{\sum_b w_b \hat e_b}{\sum_b w_b}

    The constraint lets the weighted rows have the imputed loss of all rows, which makes the estimate doubly
    robust; being a mean of observed losses it is bounded however small a propensity is.

    The authors learn propensities with a penalty on the constraint. Here it is solved: :math:`1 / \tilde p_b
    = e^{\lambda \tanh z_b} / p_b`, with :math:`z_b` the imputed loss less its mean, over its standard
    deviation, and the one :math:`\lambda` that fulfils the constraint. Where none up to 4 does, the nearest
    is taken.

    Source: Li et al. (2023), ICLR.
    """
    weight = rows.observed_weight * rows.inverse
    weight = weight * balancing_tilt(rows, across).to(weight.dtype)
    return Ratio((weight * rows.errors).sum(), weight.sum())


@torch.no_grad()
def balancing_tilt(rows: PartialErrors, across: Processes = ALONE) -> Tensor:
    """Factors, > 0, by which inverse propensities have to change so that imputed losses balance, ``[B]``.

    Ones where nothing is observed or all imputed losses are the same. Every process must call this.
    """
    imputed, weight = rows.imputed.double(), rows.weight.double()
    base = (rows.observed_weight * rows.inverse).double()
    total, first = across.reduce_sum(torch.stack([weight.sum(), (weight * imputed).sum()])).unbind()
    centred = imputed - first / total.clamp(min=1e-300)
    # One scale for all processes, so that one exponent is bounded for all of them.
    square = across.reduce_sum((weight * centred.square()).sum()) / total.clamp(min=1e-300)
    unit = centred / square.sqrt().clamp(min=1e-12)
    direction = torch.tanh(unit)
    # Only observed rows weigh anything.
    base, seen, towards = base[rows.observed], unit[rows.observed], direction[rows.observed]
    low, high, tilt = -MAX_TILT, MAX_TILT, 0.0
    for _ in range(NEWTON_STEPS):
        tilted = base * torch.exp(tilt * towards)
        # The excess grows with the tilt, because the direction has the sign of the unit.
        excess, slope = across.reduce_sum(
            torch.stack([(tilted * seen).sum(), (tilted * seen * towards).sum()])
        ).tolist()
        if not slope > 0.0:
            break
        low, high = (low, tilt) if excess > 0.0 else (tilt, high)
        step = tilt - excess / slope
        # Closed at the ends: once it has converged, a step stays where it is.
        tilt = step if low <= step <= high else 0.5 * (low + high)
    return torch.exp(tilt * direction)


@dataclass(frozen=True, kw_only=True)
class Stable(DoublyRobust):
    """StableDR. Fields as in ``DoublyRobust``."""

    def terms(self, rows: PartialErrors, across: Processes = ALONE) -> Ratio:
        """See ``stable_terms``."""
        return stable_terms(rows, across)
