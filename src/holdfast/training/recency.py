"""Weights of a window's rows with time decay, and how far they can be trusted then.

N rows of a window, T objectives.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from holdfast.core.arrays import Floats, Ints
from holdfast.core.importance import WeightDiagnostics
from holdfast.objectives.time_decay import TimeDecay
from holdfast.training.propensities import Weighed


def with_decay(weighed: Weighed, recency: TimeDecay) -> Weighed:
    """The window with decayed weights; as it was where there is no decay."""
    window = weighed.window
    weights = recency.apply(weighed.weights, known=window.known, day=window.day)
    if weights is weighed.weights:
        return weighed
    trust: dict[str, WeightDiagnostics] = {}
    for index, name in enumerate(window.objectives):
        counted = np.asarray(weights[:, index] > 0.0)
        spread = np.asarray(window.spread[:, index])[counted]
        # The rows of a user's day are one return: no more evidence than one row of it.
        fact = np.asarray(window.user_day)[counted] if name == "retention" else None
        trust[name] = replace(
            weighed.trust[name],
            effective_sample_size=effective_sample_size(weights[counted, index], fact),
            largest_weight=float((weights[counted, index] / spread).max()) if counted.any() else 0.0,
        )
    return Weighed(window, weights, trust)


def effective_sample_size(weights: Floats, fact: Ints | None = None) -> float:
    """How many equally weighted facts would be as informative, ``(sum w)^2 / sum w^2``; 0 for none.

    Args:
        weights: of rows, >= 0, ``[N]``.
        fact: code of the fact that a row tells of, ``[N]``; each row its own when None.

    Source: Kish (1965).
    """
    total = np.asarray(weights, dtype=np.float64)
    if fact is not None:
        total = np.bincount(np.unique(fact, return_inverse=True)[1], total).astype(np.float64)
    square = float((total**2).sum())
    return float(total.sum() ** 2) / square if square > 0.0 else 0.0
