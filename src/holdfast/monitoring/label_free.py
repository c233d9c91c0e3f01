"""How good a classifier still is, without labels: what its calibrated probabilities expect of themselves.

**Blind to concept drift.** All of it takes for granted that a probability means what it meant on the
reference. Where rows change it follows them; where the meaning of a row changes (a click that no longer says
interest) it goes on saying that all is well. Most decay seen in practice is of that second kind, so read it
beside labels that come late (``late_labels``), and never in their place.

N rows of a window.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import isotonic_regression

from holdfast.core.arrays import Bools, Floats
from holdfast.core.random import generator
from holdfast.evaluation import checks
from holdfast.evaluation.bootstrap import ClusterBootstrap
from holdfast.evaluation.discrimination import prefix_sums, roc_auc
from holdfast.evaluation.metric_value import WeightedMetric
from holdfast.evaluation.weighted_mean import prepare_mean


@dataclass(frozen=True)
class IsotonicCalibration:
    """A rising map from scores to probabilities.

    Attributes:
        scores: rising, ``[M]``.
        probabilities: of a positive at each, never falling, ``[M]``; straight lines between them.
    """

    scores: Floats
    probabilities: Floats

    def apply(self, score: ArrayLike) -> Floats:
        """Probability of each row ``[N]``; scores beyond those seen get that of the nearest one."""
        (values,) = checks.finite_columns(score=score)
        return np.asarray(np.interp(values, self.scores, self.probabilities))


def fit_isotonic(score: ArrayLike, label: ArrayLike) -> IsotonicCalibration:
    """The rising map with the least squared error on a reference whose labels are known.

    Args:
        score: higher is more likely positive, ``[N]``, at least one row.
        label: 0 or 1, ``[N]``.

    Raises:
        ValueError: no rows, or labels of one class only, from which no calibration follows.

    Source: Barlow et al. (1972); Zadrozny and Elkan (2002) for calibration.
    """
    (values,) = checks.finite_columns(score=score)
    positive = checks.binary_labels(label)
    checks.same_length(score=values, label=positive)
    if positive.all() or not positive.any():
        raise ValueError(
            f"the reference has {int(positive.sum())} positives among {positive.size} rows; "
            "calibration needs both classes, so take a longer reference"
        )
    distinct, place, rows = np.unique(values, return_inverse=True, return_counts=True)
    rising = isotonic_regression(np.bincount(place, positive) / rows, weights=rows.astype(np.float64))
    return IsotonicCalibration(distinct, np.clip(rising.x, 0.0, 1.0))


@dataclass(frozen=True)
class ConfusionEstimate:
    """Expected shares of all rows; they sum to 1."""

    true_positive: float
    false_positive: float
    true_negative: float
    false_negative: float


def expected_confusion(
    probability: ArrayLike, predicted_positive: ArrayLike, *, weight: ArrayLike | None = None
) -> ConfusionEstimate | None:
    """The confusion matrix that calibrated probabilities expect; None where the weights sum to 0.

    Args:
        probability: calibrated, in [0, 1], ``[N]``.
        predicted_positive: what was decided, ``[N]``.
        weight: what a row counts, >= 0, ``[N]``; ones when None.

    """
    p = checks.probabilities(probability)
    chosen = checks.binary_labels(predicted_positive, name="predicted_positive")
    checks.same_length(probability=p, predicted_positive=chosen)
    weights = checks.row_weights(weight, num_rows=p.size)
    total = float(weights.sum())
    if not total > 0.0:
        return None
    yes, no = weights * chosen, weights * ~chosen
    return ConfusionEstimate(
        *(float(part) / total for part in (yes @ p, yes @ (1.0 - p), no @ (1.0 - p), no @ p))
    )


def expected_roc_auc(
    score: ArrayLike, probability: ArrayLike, *, weight: ArrayLike | None = None
) -> float | None:
    r"""The AUC of ``score`` that calibrated probabilities expect (CBPE).

    Rows in order of the *raw* score, each a p-th of a positive and a (1 - p)-th of a negative; the area
    under the curve of their sums by trapezoids, so that equal scores count one half.

    Args:
        score: what rows are ranked by, ``[N]``.
        probability: calibrated, in [0, 1], ``[N]``.
        weight: what a row counts, >= 0, ``[N]``; ones when None.

    Returns:
        In [0, 1]; None where no positive or no negative is expected, so also without rows.
    """
    metric = prepare_expected_roc_auc(score, probability)
    return metric(checks.row_weights(weight, num_rows=np.size(np.asarray(score))))


def prepare_expected_roc_auc(score: ArrayLike, probability: ArrayLike) -> WeightedMetric:
    """``expected_roc_auc`` sorted once, for many sets of weights."""
    (values,) = checks.finite_columns(score=score)
    p = checks.probabilities(probability)
    checks.same_length(score=values, probability=p)
    order = np.argsort(values, kind="stable")
    p = p[order]
    ends = np.flatnonzero(np.r_[np.diff(values[order]) != 0.0, True][: values.size]) + 1

    def auc(weight: Floats) -> float | None:
        sorted_weight = weight[order]
        positive = prefix_sums(sorted_weight * p)[np.r_[0, ends]]
        negative = prefix_sums(sorted_weight * (1.0 - p))[np.r_[0, ends]]
        pairs = positive[-1] * negative[-1]
        if not pairs > 0.0:
            return None
        return float(np.diff(positive) @ (negative[:-1] + negative[1:]) / (2.0 * pairs))

    return auc


@dataclass(frozen=True)
class LabelFreeEstimate:
    """What a window's performance should be, if probabilities mean what they meant.

    Attributes:
        metric: ``auc``, ``positive_rate``, ``loss``.
        value: None where undefined; ``note`` says why.
        low: lower end of the interval over users; None without one.
        high: upper end.
        realised_low: what the figure from real labels should not fall below, at the same level; None without
        one.
        realised_high: what it should not exceed. A realised figure outside speaks for concept drift.
        n: rows.
        note: why something is None.
    """

    metric: str
    value: float | None
    low: float | None
    high: float | None
    realised_low: float | None
    realised_high: float | None
    n: int
    note: str = ""


def estimate_auc(
    score: ArrayLike, *, calibration: IsotonicCalibration, users: ArrayLike, bootstrap: ClusterBootstrap
) -> LabelFreeEstimate:
    """Expected AUC of a window, with the range in which the realised one should then lie.

    The range comes from labels drawn with the calibrated probabilities, ``bootstrap.num_resamples`` times; it
    leaves out the error of the calibration itself, and outcomes of a user that go together widen the truth.

    Args:
        score: the model's, ``[N]``.
        calibration: fitted on the reference.
        users: integer code of each row's user, ``[N]``.
        bootstrap: of the interval.
    """
    (values,) = checks.finite_columns(score=score)
    if values.size == 0:
        return LabelFreeEstimate("auc", None, None, None, None, None, 0, "no rows")
    p = calibration.apply(values)
    metric = prepare_expected_roc_auc(values, p)
    estimate = metric(np.ones(values.size))
    if estimate is None:
        note = "only one class is expected: no AUC"
        return LabelFreeEstimate("auc", None, None, None, None, None, values.size, note)
    interval = bootstrap.intervals([metric], clusters=np.asarray(users))[0]
    low, high = _realised_range(values, p, bootstrap=bootstrap)
    return LabelFreeEstimate(
        "auc", estimate, interval.low, interval.high, low, high, values.size, interval.note
    )


def estimate_positive_rate(
    score: ArrayLike, *, calibration: IsotonicCalibration, users: ArrayLike, bootstrap: ClusterBootstrap
) -> LabelFreeEstimate:
    """Expected share of positives of a window; arguments as in ``estimate_auc``. Without rows it is None."""
    (values,) = checks.finite_columns(score=score)
    if values.size == 0:
        return LabelFreeEstimate("positive_rate", None, None, None, None, None, 0, "no rows")
    p = calibration.apply(values)
    interval = bootstrap.intervals([prepare_mean(p)], clusters=np.asarray(users))[0]
    draw = generator(bootstrap.seed, "realised positive rate")
    rates = [float((draw.random(p.size) < p).mean()) for _ in range(bootstrap.num_resamples)]
    low, high = _quantiles(rates, level=bootstrap.level)
    return LabelFreeEstimate(
        "positive_rate", float(p.mean()), interval.low, interval.high, low, high, p.size, interval.note
    )


def _realised_range(
    score: Floats, p: Floats, *, bootstrap: ClusterBootstrap
) -> tuple[float | None, float | None]:
    draw = generator(bootstrap.seed, "realised auc")
    found = []
    for _ in range(bootstrap.num_resamples):
        label: Bools = draw.random(p.size) < p
        value = roc_auc(score, label)
        if value is not None:
            found.append(value)
    return _quantiles(found, level=bootstrap.level)


def _quantiles(values: list[float], *, level: float) -> tuple[float | None, float | None]:
    if not values:
        return None, None
    tail = (1.0 - level) / 2.0
    low, high = np.quantile(values, [tail, 1.0 - tail])
    return float(low), float(high)
