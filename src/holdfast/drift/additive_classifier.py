"""A classifier that adds up what each column says on its own: small, fast, and hard to fool.

N rows, D columns.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

from holdfast.core.arrays import Bools, Floats, Ints

_NUM_BINS = 32
_PRIOR_ROWS = 1.0
_RIDGE = 1.0
_MOST_STEPS = 100


@dataclass(frozen=True)
class AdditiveClassifier:
    r"""Logistic regression on the log-likelihood ratios of binned columns.

    .. math:: s(x) = b + \sum_d w_d \log \frac{p_d(x_d \mid 1)}{p_d(x_d \mid 0)}

    With all weights 1 it is naive Bayes; the weights take back what columns say twice.

    Attributes:
        values: bins of each column: its values where there are few, else cut points.
        ratios: log-likelihood ratio of each bin, for each column.
        weights: ``[D + 1]``, the constant last.
    """

    values: tuple[Floats, ...]
    ratios: tuple[Floats, ...]
    weights: Floats

    @staticmethod
    def fit(columns: Floats, label: Bools) -> AdditiveClassifier:
        """Learn from rows of both kinds, ``[N, D]`` and ``[N]``."""
        values = tuple(_bins(columns[:, place]) for place in range(columns.shape[1]))
        ratios = tuple(
            _ratios(_place(columns[:, d], values[d]), label, len(values[d])) for d in range(len(values))
        )
        features = _features(columns, values, ratios)
        return AdditiveClassifier(values, ratios, _logistic(features, label))

    def scores(self, columns: Floats) -> Floats:
        """Log odds of the second kind, up to a constant, ``[N]``."""
        return np.asarray(_features(columns, self.values, self.ratios) @ self.weights)


def _bins(column: Floats) -> Floats:
    distinct = np.unique(column)
    if len(distinct) <= _NUM_BINS:
        return distinct
    return np.unique(np.quantile(column, np.linspace(0.0, 1.0, _NUM_BINS, endpoint=False), method="lower"))


def _place(column: Floats, bins: Floats) -> Ints:
    return np.asarray(np.maximum(np.searchsorted(bins, column, side="right") - 1, 0))


def _ratios(place: Ints, label: Bools, num_bins: int) -> Floats:
    counts = [np.bincount(place[side], minlength=num_bins) + _PRIOR_ROWS for side in (~label, label)]
    return np.asarray(np.log(counts[1] / counts[1].sum()) - np.log(counts[0] / counts[0].sum()))


def _features(columns: Floats, values: tuple[Floats, ...], ratios: tuple[Floats, ...]) -> Floats:
    features = np.ones((len(columns), len(values) + 1))
    for d, (bins, ratio) in enumerate(zip(values, ratios, strict=True)):
        features[:, d] = ratio[_place(columns[:, d], bins)]
    return features


def _logistic(features: Floats, label: Bools) -> Floats:
    """Least log loss, from naive Bayes on; a ridge towards it keeps weights finite if rows are separated."""
    naive = np.append(np.ones(features.shape[1] - 1), 0.0)
    sign = np.where(label, 1.0, -1.0)

    def loss_and_gradient(weights: Floats) -> tuple[float, Floats]:
        margin = sign * (features @ weights)
        pull = weights - naive
        loss = float(np.logaddexp(0.0, -margin).sum() + _RIDGE * (pull @ pull) / 2.0)
        return loss, np.asarray(features.T @ (-sign * expit(-margin)) + _RIDGE * pull)

    found = minimize(loss_and_gradient, naive, jac=True, method="L-BFGS-B", options={"maxiter": _MOST_STEPS})
    return np.asarray(found.x)
