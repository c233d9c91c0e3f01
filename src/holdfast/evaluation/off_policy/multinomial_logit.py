"""Multinomial logistic regression: which action is chosen, given features.

N rows, D features, A actions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import optimize, special

from holdfast.core.arrays import Floats, Ints


@dataclass(frozen=True)
class FittedLogit:
    """Chances of actions.

    Attributes:
        center: subtracted from the features, ``[D]``.
        scale: by which they are divided then, ``[D]``.
        slopes: intercept and slopes, ``[1 + D, A]``.
    """

    center: Floats
    scale: Floats
    slopes: Floats

    def predict(self, features: Floats) -> Floats:
        """``[N, A]``, rows sum to 1."""
        return np.asarray(special.softmax(_design(features, self.center, self.scale) @ self.slopes, axis=1))


def fit_logit(features: Floats, actions: Ints, *, num_actions: int, shrinkage: float) -> FittedLogit:
    """Maximum likelihood with a ridge penalty on the slopes of standardised features.

    Args:
        features: ``[N, D]``, N at least 1; D may be 0.
        actions: in [0, A), ``[N]``.
        num_actions: A.
        shrinkage: of the slopes, in rows, > 0; intercepts get a thousandth of it, so that an action that was
            never chosen keeps a finite one.
    """
    center, scale = features.mean(axis=0), features.std(axis=0)
    scale = np.where(scale > 0.0, scale, 1.0)
    design = _design(features, center, scale)
    penalty = np.full((design.shape[1], 1), shrinkage)
    penalty[0] = shrinkage / 1000.0
    rows = np.arange(len(actions))

    def loss(flat: Floats) -> tuple[float, Floats]:
        slopes = flat.reshape(design.shape[1], num_actions)
        scores = design @ slopes
        normaliser = special.logsumexp(scores, axis=1)
        value = float((normaliser - scores[rows, actions]).sum() + 0.5 * (penalty * slopes**2).sum())
        chances = np.exp(scores - normaliser[:, None])
        chances[rows, actions] -= 1.0
        return value / len(actions), (design.T @ chances + penalty * slopes).ravel() / len(actions)

    start = np.zeros(design.shape[1] * num_actions)
    found = optimize.minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 500})
    return FittedLogit(center, scale, found.x.reshape(design.shape[1], num_actions))


def _design(features: Floats, center: Floats, scale: Floats) -> Floats:
    return np.concatenate([np.ones((len(features), 1)), (features - center) / scale], axis=1)
