"""Temperature scaling: log odds divided by one number.

N rows to fit on, B rows.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy.optimize import minimize_scalar
from torch import Tensor

from holdfast.core.arrays import Floats

SMALLEST = 1e-7
"""Probabilities closer to 0 than this count as this."""
LEAST_LEFT = 1e-3
"""Where less is left to 1, its logarithm goes on as a straight line: a float32 has no digits for it."""
_WIDEST = float(np.log(10.0))
"""Colder than a tenth, what a few rows separate would be certain, and tied, in single precision."""


def fit_temperature(predicted: Floats, observed: Floats, weight: Floats) -> Floats:
    r"""The logarithm of the inverse temperature with the least cross-entropy, ``[1]``.

    Args:
        predicted: probabilities, ``[N]``.
        observed: 0 or 1, of both at least one, ``[N]``.
        weight: what a row counts, >= 0, ``[N]``.

    Returns:
        :math:`-\log T`, for T between 0.1 and 10.

    Source: Guo et al. (2017).
    """
    odds = log_odds(predicted)

    def cross_entropy(inverse: float) -> float:
        scaled = np.exp(inverse) * odds
        return float(weight @ (np.logaddexp(0.0, scaled) - observed * scaled) / weight.sum())

    found = minimize_scalar(
        cross_entropy, bounds=(-_WIDEST, _WIDEST), method="bounded", options={"xatol": 1e-7}
    )
    return np.array([float(found.x)])


def apply_temperature(predicted: Tensor, parameters: Tensor) -> Tensor:
    r""":math:`\sigma(\operatorname{logit}(p) / T)`, ``[B]``, of probabilities ``[B]``; strictly increasing.

    Args:
        predicted: probabilities, ``[B]``.
        parameters: of ``fit_temperature``, ``[B, 1]``.
    """
    inside = predicted.clamp(min=SMALLEST)
    return torch.sigmoid(parameters[:, 0].exp() * (inside.log() - log_left(inside)))


def log_left(probability: Tensor) -> Tensor:
    """``log(1 - p)``, ``[B]``; strictly decreasing and finite up to 1, see ``LEAST_LEFT``.

    A probability of 0.99999 is known to one part in 200 of what it leaves, and a map that draws it towards a
    half would make that visible: two engines, both right, would disagree.
    """
    near = probability.clamp(max=1.0 - LEAST_LEFT)
    return torch.log1p(-near) - (probability - near) / LEAST_LEFT


def logarithms(probability: Floats) -> tuple[Floats, Floats]:
    """``log p`` and ``log(1 - p)`` in double precision as ``apply_temperature`` has them, ``[N]`` each."""
    inside = np.maximum(np.asarray(probability, dtype=np.float64), SMALLEST)
    near = np.minimum(inside, 1.0 - LEAST_LEFT)
    return np.log(inside), np.log1p(-near) - (inside - near) / LEAST_LEFT


def log_odds(probability: Floats) -> Floats:
    """``log p - log(1 - p)`` of ``logarithms``, ``[N]``; finite."""
    of_it, of_rest = logarithms(probability)
    return np.asarray(of_it - of_rest)
