"""Estimates as smooth functions of means of columns.

Every estimator here is some function of the means of a few per-row columns. Its error is then, to first
order, the mean of one influence per row, and everything else follows from that: standard errors (the delta
method), covariances between estimators, objectives and policies, clusters, and resamples that treat a ratio
as a ratio.

N rows, K columns.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from holdfast.core.arrays import Floats
from holdfast.evaluation.off_policy.rounds import WeightRange

Formula = Callable[[Floats, WeightRange], Floats]
"""From means ``[..., K]`` to values ``[...]``; made of analytic operations, because it is also called with
complex means."""

STEP = 1e-30
"""Of the complex step: nothing is subtracted, so it may be so small that no higher order is left."""


@dataclass(frozen=True)
class Terms:
    """An estimator on some rows.

    Attributes:
        columns: K columns, ``[N]`` each.
        formula: from their means to the estimate.
    """

    columns: tuple[Floats, ...]
    formula: Formula


def _only_mean(means: Floats, _: WeightRange) -> Floats:
    return means[..., 0]


def _ratio(means: Floats, _: WeightRange) -> Floats:
    return means[..., 0] / means[..., 1]


def _mean_and_ratio(means: Floats, _: WeightRange) -> Floats:
    return means[..., 0] + means[..., 1] / means[..., 2]


def mean_of(column: Floats) -> Terms:
    """``mean(x)``."""
    return Terms((column,), _only_mean)


def ratio_of(numerator: Floats, denominator: Floats) -> Terms:
    """``sum(x) / sum(y)``."""
    return Terms((numerator, denominator), _ratio)


def mean_and_ratio(offset: Floats, numerator: Floats, denominator: Floats) -> Terms:
    """``mean(z) + sum(x) / sum(y)``."""
    return Terms((offset, numerator, denominator), _mean_and_ratio)


def gradient(formula: Formula, means: Floats, weights: WeightRange) -> Floats:
    """Derivatives of an estimate by the means of its columns, exact to rounding.

    .. math:: \\partial f / \\partial m_k = \\mathrm{Im} f(m + i h e_k) / h

    Args:
        formula: of the estimator.
        means: of its columns, ``[K]``.
        weights: passed on to the formula.

    Returns:
        ``[K]``.

    Source: Squire and Trapp (1998).
    """
    steps = means[None, :] + 1j * STEP * np.eye(means.size)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(formula(steps, weights)).imag / STEP
