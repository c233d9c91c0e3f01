"""A small logistic regression, by Newton's method.

N rows, D features.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from holdfast.core.arrays import Floats

MAX_LOG_ODDS = 30.0


@dataclass(frozen=True)
class LogisticFit:
    """Coefficients of scaled features.

    Attributes:
        coefficients: intercept first, ``[1 + D]``.
        mean: of each feature, ``[D]``.
        scale: standard deviation of each feature, 1 where it does not vary, ``[D]``.
    """

    coefficients: Floats
    mean: Floats
    scale: Floats

    def chance(self, features: Floats) -> Floats:
        """Predicted chance, in (0, 1), ``[N]``."""
        scaled = (np.asarray(features, dtype=np.float64) - self.mean) / self.scale
        log_odds = self.coefficients[0] + scaled @ self.coefficients[1:]
        return np.asarray(expit(np.clip(log_odds, -MAX_LOG_ODDS, MAX_LOG_ODDS)))


def fit_logistic(
    features: Floats,
    share: Floats,
    *,
    ridge: float = 1.0,
    num_steps: int = 25,
    start: LogisticFit | None = None,
) -> LogisticFit:
    r"""Coefficients that maximise a penalised likelihood.

    .. math:: \sum_n \big( y_n \log p_n + (1 - y_n) \log (1 - p_n) \big) - \tfrac{\lambda}{2} \sum_d \beta_d^2

    Args:
        features: finite, ``[N, D]``; scaled to mean 0 and standard deviation 1 here.
        share: y, in [0, 1]: a label, or how likely it is, ``[N]``.
        ridge: lambda, > 0; the intercept is not penalised.
        num_steps: Newton steps at most.
        start: a fit to go on from, made on the same features.

    Raises:
        ValueError: there is no row, or the labels are all 0 or all 1.
    """
    y = np.asarray(share, dtype=np.float64)
    if y.size == 0 or not 0.0 < y.mean() < 1.0:
        raise ValueError(
            f"a regression needs rows of both kinds, and these {y.size} have a mean label of "
            f"{y.mean() if y.size else float('nan'):g}"
        )
    x = np.asarray(features, dtype=np.float64)
    mean, scale = x.mean(0), x.std(0)
    scale = np.where(scale > 1e-12 * (1.0 + np.abs(mean)), scale, 1.0)
    design = np.column_stack([np.ones(len(x)), (x - mean) / scale])
    penalty = np.full(design.shape[1], ridge)
    # A trace of penalty keeps the step finite where the labels are nearly all alike.
    penalty[0] = 1e-9
    beta = np.zeros(design.shape[1]) if start is None else start.coefficients.copy()
    if start is None:
        beta[0] = np.log(y.mean() / (1.0 - y.mean()))
    for _ in range(num_steps):
        chance = expit(np.clip(design @ beta, -MAX_LOG_ODDS, MAX_LOG_ODDS))
        gradient = design.T @ (y - chance) - penalty * beta
        hessian = (design * (chance * (1.0 - chance))[:, None]).T @ design + np.diag(penalty)
        step = np.linalg.solve(hessian, gradient)
        # A full step may overshoot where a start is far off.
        step *= min(1.0, 5.0 / max(float(np.abs(step).max()), 1e-12))
        beta = beta + step
        if np.abs(step).max() < 1e-8:
            break
    return LogisticFit(beta, mean, scale)
