"""Scores of probabilities that honesty minimises: log loss, Brier, and log loss over a base rate's.

N rows.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from holdfast.core.arrays import Bools, Floats
from holdfast.evaluation import checks
from holdfast.evaluation.metric_value import WeightedMetric
from holdfast.evaluation.weighted_mean import prepare_mean

CLIP = 1e-7
"""Log loss sees probabilities in [CLIP, 1 - CLIP]: models compute in float32, where 1 - 1e-8 is 1."""


def log_loss(probability: ArrayLike, label: ArrayLike, *, weight: ArrayLike | None = None) -> float | None:
    r"""Mean surprise in nats: the weighted mean of :math:`-y \log p - (1 - y) \log(1 - p)`.

    Args:
        probability: of a positive, in [0, 1], ``[N]``; moved into [1e-7, 1 - 1e-7].
        label: 0 or 1, ``[N]``.
        weight: what a row counts, >= 0, ``[N]``; ones when None.

    Returns:
        At least 0; None where the weights sum to 0.
    """
    metric = prepare_log_loss(probability, label)
    return metric(checks.row_weights(weight, num_rows=np.size(np.asarray(label))))


def prepare_log_loss(probability: ArrayLike, label: ArrayLike) -> WeightedMetric:
    """``log_loss`` prepared for many sets of weights."""
    probability, positive = _checked(probability, label)
    return prepare_mean(_row_losses(probability, positive))


def normalized_entropy(
    probability: ArrayLike, label: ArrayLike, *, weight: ArrayLike | None = None
) -> float | None:
    r"""Log loss over that of the base rate: below 1 where the model knows more than the mean.

    .. math:: \mathrm{LogLoss} \big/ \left(-\bar y \log \bar y - (1 - \bar y) \log(1 - \bar y)\right)

    with the base rate :math:`\bar y` of these very rows, weighted as they are. Arguments as in ``log_loss``.

    Returns:
        At least 0; None where one of the classes has no weight.

    Source: He et al. (2014).
    """
    metric = prepare_normalized_entropy(probability, label)
    return metric(checks.row_weights(weight, num_rows=np.size(np.asarray(label))))


def prepare_normalized_entropy(probability: ArrayLike, label: ArrayLike) -> WeightedMetric:
    """``normalized_entropy`` prepared for many sets of weights."""
    probability, positive = _checked(probability, label)
    losses = _row_losses(probability, positive)
    negative = 1.0 - positive
    ones = positive.astype(np.float64)

    def normalized(weight: Floats) -> float | None:
        above, below, total = float(weight @ ones), float(weight @ negative), float(weight.sum())
        if not (above > 0.0 and below > 0.0):
            return None
        base = -(above * np.log(above / total) + below * np.log(below / total))
        return float(weight @ losses / base)

    return normalized


def brier_score(probability: ArrayLike, label: ArrayLike, *, weight: ArrayLike | None = None) -> float | None:
    r"""Weighted mean of :math:`(p - y)^2`. Arguments as in ``log_loss``.

    Returns:
        In [0, 1]; None where the weights sum to 0.

    Source: Brier (1950).
    """
    metric = prepare_brier_score(probability, label)
    return metric(checks.row_weights(weight, num_rows=np.size(np.asarray(label))))


def prepare_brier_score(probability: ArrayLike, label: ArrayLike) -> WeightedMetric:
    """``brier_score`` prepared for many sets of weights."""
    probability, positive = _checked(probability, label)
    return prepare_mean((probability - positive) ** 2)


def _checked(probability: ArrayLike, label: ArrayLike) -> tuple[Floats, Bools]:
    values = checks.probabilities(probability)
    positive = checks.binary_labels(label)
    checks.same_length(probability=values, label=positive)
    return values, positive


def _row_losses(probability: Floats, positive: Bools) -> Floats:
    clipped = np.clip(probability, CLIP, 1.0 - CLIP)
    return np.where(positive, -np.log(clipped), -np.log1p(-clipped))
