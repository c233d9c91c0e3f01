"""Beta calibration: log odds that are linear in the logarithms of a probability and of its complement.

N rows to fit on, B rows.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy.optimize import minimize
from torch import Tensor

from holdfast.core.arrays import Floats
from holdfast.models.calibration.temperature import SMALLEST, log_left, logarithms

LEAST_SLOPE = 1e-3
"""Of a and b: above 0, so that the map is strictly increasing."""


def fit_beta(predicted: Floats, observed: Floats, weight: Floats) -> Floats:
    r"""a, b and c with the least cross-entropy, a and b positive, ``[3]``.

    .. math:: \operatorname{logit} p' = a \log p - b \log(1 - p) + c

    Args:
        predicted: probabilities, ``[N]``.
        observed: 0 or 1, of both at least one, ``[N]``.
        weight: what a row counts, >= 0, ``[N]``.

    Source: Kull, Silva Filho and Flach (2017); here a and b are bounded below by a small positive number in
    the fit, where the paper refits without a variable whose slope is negative.
    """
    of_it, of_rest = logarithms(predicted)
    design = np.stack([of_it, -of_rest, np.ones_like(of_it)], axis=1)
    share = weight / weight.sum()

    def cross_entropy(parameters: Floats) -> tuple[float, Floats]:
        odds = design @ parameters
        chance = 0.5 * (1.0 + np.tanh(0.5 * odds))
        loss = float(share @ (np.logaddexp(0.0, odds) - observed * odds))
        return loss, np.asarray(design.T @ (share * (chance - observed)))

    bounds = [(LEAST_SLOPE, 1e3), (LEAST_SLOPE, 1e3), (-50.0, 50.0)]
    found = minimize(
        cross_entropy,
        np.array([1.0, 1.0, 0.0]),
        jac=True,
        bounds=bounds,
        method="L-BFGS-B",
        options={"ftol": 1e-14, "gtol": 1e-10, "maxiter": 500},
    )
    return np.asarray(found.x, dtype=np.float64)


def apply_beta(predicted: Tensor, parameters: Tensor) -> Tensor:
    """The calibrated probabilities ``[B]``; strictly increasing.

    Args:
        predicted: probabilities, ``[B]``.
        parameters: of ``fit_beta``, ``[B, 3]``.
    """
    inside = predicted.clamp(min=SMALLEST)
    odds = parameters[:, 0] * inside.log() - parameters[:, 1] * log_left(inside) + parameters[:, 2]
    return torch.sigmoid(odds)
