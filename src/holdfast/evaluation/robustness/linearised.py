"""Metrics together with what each user's rows weigh in them, so that resampling users costs a matrix product.

N rows, U users, R resamples.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from holdfast.core.arrays import Bools, Floats, Ints
from holdfast.evaluation.robustness.concordance_counts import concordance_counts


@dataclass(frozen=True)
class Linearised:
    r"""A metric as a function of user weights, to the first order around weights of 1.

    .. math:: m(w) \approx m(1) + \sum_u (w_u - 1) \, \psi_u

    Attributes:
        value: with all weights 1; None where the metric is undefined.
        influence: :math:`\psi`, which sums to 0 for every metric here, ``[U]``; empty where undefined.
        n: rows, user-days or requests that count.
    """

    value: float | None
    influence: Floats
    n: int


def undefined(n: int) -> Linearised:
    """No value, on ``n`` units."""
    return Linearised(None, np.zeros(0), n)


@dataclass(frozen=True)
class Users:
    """Who rows belong to.

    Attributes:
        code: of each row's user, 0 to ``num - 1``, ``[N]``.
        num: U.
    """

    code: Ints
    num: int

    def total(self, row_influence: Floats) -> Floats:
        """Sums by user, ``[U]``."""
        return np.bincount(self.code, row_influence, minlength=self.num).astype(np.float64)

    def take(self, rows: Ints | Bools) -> Users:
        """Of some of the rows."""
        return Users(self.code[rows], self.num)


def linear_auc(score: Floats, positive: Bools, users: Users, *, weight: Floats | None = None) -> Linearised:
    """AUC; its influence is how a row's placement among the other class differs from the average one.

    Args:
        score: higher is more likely positive, finite, ``[N]``.
        positive: ``[N]``.
        users: of the rows.
        weight: what a row counts, >= 0, ``[N]``; ones when None.

    Source: DeLong et al. (1988) for placements; Obuchowski (1997) for summing them by cluster.
    """
    order = np.argsort(score)
    ordered, is_positive = score[order], positive[order]
    counts = np.ones(score.size) if weight is None else weight[order]
    upper, lower = np.where(is_positive, counts, 0.0), np.where(is_positive, 0.0, counts)
    num_positive, num_negative = float(upper.sum()), float(lower.sum())
    if not (num_positive > 0.0 and num_negative > 0.0):
        return undefined(score.size)
    # Midranks: an equal score of the other class counts one half.
    below_negatives = _mid_cumulative(lower, ordered) / num_negative
    below_positives = _mid_cumulative(upper, ordered) / num_positive
    value = float(upper @ below_negatives) / num_positive
    placed = np.where(
        is_positive,
        (below_negatives - value) / num_positive,
        (1.0 - below_positives - value) / num_negative,
    )
    influence = np.bincount(users.code[order], counts * placed, minlength=users.num)
    return Linearised(value, influence.astype(np.float64), score.size)


def _mid_cumulative(amount: Floats, ordered: Floats) -> Floats:
    """Of each row, the amount with a smaller value plus half of that with the same, ``[N]``."""
    up_to = np.cumsum(amount)
    new = np.flatnonzero(ordered[1:] != ordered[:-1]) + 1
    if new.size == ordered.size - 1:
        return up_to - 0.5 * amount
    last = np.append(new, ordered.size) - 1
    sums = np.concatenate([[0.0], up_to[last]])
    sizes = np.diff(np.concatenate([[0], last + 1]))
    return np.repeat(0.5 * (sums[1:] + sums[:-1]), sizes)


def linear_xauc(
    predicted: Floats, value: Floats, event: Bools, users: Users, *, weight: Floats | None = None
) -> Linearised:
    """XAUC as ``evaluation.concordance.xauc`` defines it, ties and lower bounds included.

    Args:
        predicted: finite, ``[N]``.
        value: the outcome, or a lower bound of it, ``[N]``.
        event: False where it is a lower bound, ``[N]``.
        users: of the rows.
        weight: as in ``linear_auc``.
    """
    agreeing, comparable = concordance_counts(predicted, value, event, weight=weight)
    counts = np.ones(predicted.size) if weight is None else weight
    total = float(counts @ comparable) / 2.0
    if not total > 0.0:
        return undefined(predicted.size)
    concordance = float(counts @ agreeing) / 2.0 / total
    row_influence = counts * (agreeing - concordance * comparable) / total
    return Linearised(concordance, users.total(row_influence), predicted.size)


def linear_mean(values: Floats, users: Users, *, weight: Floats | None = None) -> Linearised:
    """A mean, ``[N]`` values."""
    counts = np.ones(values.size) if weight is None else weight
    total = float(counts.sum())
    if not total > 0.0:
        return undefined(values.size)
    value = float(counts @ values) / total
    return Linearised(value, users.total(counts * (values - value) / total), values.size)


def linear_log2_ratio(
    predicted: Floats, observed: Floats, users: Users, *, weight: Floats | None = None
) -> Linearised:
    """log2 of predicted over observed sums: 0 where right on average, 1 where twice too much is predicted.

    Args:
        predicted: >= 0, ``[N]``.
        observed: >= 0, ``[N]``.
        users: of the rows.
        weight: as in ``linear_auc``.

    Returns:
        Undefined where either sum is 0.
    """
    counts = np.ones(predicted.size) if weight is None else weight
    expected, happened = float(counts @ predicted), float(counts @ observed)
    if not (expected > 0.0 and happened > 0.0):
        return undefined(predicted.size)
    row_influence = counts * (predicted / expected - observed / happened) / np.log(2.0)
    return Linearised(float(np.log2(expected / happened)), users.total(row_influence), predicted.size)


def resampled(metrics: list[Linearised], deviations: Floats) -> Floats:
    """Values of metrics under resampled users, ``[len(metrics), 1 + R]``: first the metric, then resamples.

    Args:
        metrics: of the same users.
        deviations: weights of users less 1, ``[R, U]``.

    Returns:
        NaN in the rows of metrics that are undefined.
    """
    found = np.full((len(metrics), 1 + deviations.shape[0]), np.nan)
    defined = [index for index, each in enumerate(metrics) if each.value is not None]
    if defined:
        influences = np.stack([metrics[index].influence for index in defined]).astype(deviations.dtype)
        values = np.array([metrics[index].value for index in defined], dtype=np.float64)
        found[defined, 0] = values
        found[defined, 1:] = values[:, None] + influences @ deviations.T
    return found
