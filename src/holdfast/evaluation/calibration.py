"""Whether predictions mean what they say: predicted over observed, and calibration error beside its null.

N rows, M bins.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import chi2

from holdfast.core.arrays import Floats, Ints
from holdfast.core.random import generator
from holdfast.evaluation import checks
from holdfast.evaluation.metric_value import WeightedMetric
from holdfast.evaluation.weighted_mean import prepare_ratio

Binning = Literal["mass", "width"]


def calibration_ratio(
    predicted: ArrayLike, observed: ArrayLike, *, weight: ArrayLike | None = None
) -> float | None:
    """Sum predicted over sum observed: 1 where right on average, above 1 where too optimistic.

    Args:
        predicted: expected outcome, >= 0, ``[N]``.
        observed: outcome in the same unit, >= 0, ``[N]``.
        weight: what a row counts, >= 0, ``[N]``; ones when None.

    Returns:
        At least 0; None where nothing was observed (the sum is 0).
    """
    metric = prepare_calibration_ratio(predicted, observed)
    return metric(checks.row_weights(weight, num_rows=np.size(np.asarray(observed))))


def prepare_calibration_ratio(predicted: ArrayLike, observed: ArrayLike) -> WeightedMetric:
    """``calibration_ratio`` prepared for many sets of weights."""
    predicted, observed = checks.finite_columns(predicted=predicted, observed=observed)
    if (observed < 0.0).any():
        raise ValueError("observed holds negative values; predicted over observed needs outcomes >= 0")
    return prepare_ratio(predicted, observed)


def poisson_ratio_interval(
    predicted_total: float, num_events: int, *, level: float
) -> tuple[float, float | None]:
    """Interval of predicted over observed from the count of events alone, exact for a Poisson count.

    For the few events with which resampling breaks down; events count as independent.

    Args:
        predicted_total: sum of the predicted probabilities.
        num_events: positives observed, >= 0.
        level: in (0, 1).

    Returns:
        The ends; the upper one is None where no event was observed, since there is none.

    Source: Garwood (1936).
    """
    tail = (1.0 - level) / 2.0
    most = float(chi2.ppf(1.0 - tail, 2 * num_events + 2)) / 2.0
    if num_events == 0:
        return predicted_total / most, None
    least = float(chi2.ppf(tail, 2 * num_events)) / 2.0
    return predicted_total / most, predicted_total / least


def calibration_bins(
    predicted: Floats, *, num_bins: int, weight: Floats | None = None, binning: Binning = "mass"
) -> Ints:
    """Bin of each row, 0 to ``num_bins - 1``, ``[N]``; some bins may be empty.

    Equal mass: each bin holds about the same weight. Equal predictions stay together: they go where the
    middle of their common mass falls. Equal width: cuts [0, 1] evenly; a prediction of exactly 1 falls in the
    last bin.
    """
    if num_bins < 1:
        raise ValueError(f"num_bins is {num_bins}; it must be at least 1")
    if binning == "width":
        inside = checks.probabilities(predicted, name="predicted")
        return np.minimum((inside * num_bins).astype(np.int64), num_bins - 1)
    if binning != "mass":
        raise ValueError(f"binning is {binning!r}; choose mass or width")
    weight = checks.row_weights(weight, num_rows=predicted.size)
    _, value = np.unique(predicted, return_inverse=True)
    mass = np.bincount(value, weight)
    total = mass.sum()
    if not total > 0.0:
        return np.zeros(predicted.size, dtype=np.int64)
    middle = (np.cumsum(mass) - mass / 2.0) / total
    return np.asarray(np.minimum((middle * num_bins).astype(np.int64), num_bins - 1)[value])


def expected_calibration_error(
    probability: ArrayLike,
    label: ArrayLike,
    *,
    num_bins: int,
    weight: ArrayLike | None = None,
    binning: Binning = "mass",
) -> float | None:
    r"""Mean distance, over bins, between what was predicted and what happened.

    .. math:: \frac{\sum_b \left|\sum_{n \in b} w_n (p_n - y_n)\right|}{\sum_n w_n}

    Noise alone makes it positive: read it beside ``expected_calibration_error_null``.

    Args:
        probability: in [0, 1], ``[N]``.
        label: 0 or 1, ``[N]``.
        num_bins: M, at least 1.
        weight: what a row counts, >= 0, ``[N]``; ones when None.
        binning: see ``calibration_bins``.

    Returns:
        In [0, 1]; None where the weights sum to 0.

    Source: Naeini et al. (2015); Nixon et al. (2019) for bins of equal mass.
    """
    values = checks.probabilities(probability)
    positive = checks.binary_labels(label)
    checks.same_length(probability=values, label=positive)
    weights = checks.row_weights(weight, num_rows=values.size)
    if not weights.sum() > 0.0:
        return None
    bins = calibration_bins(values, num_bins=num_bins, weight=weights, binning=binning)
    gaps = np.bincount(bins, weights * (values - positive), minlength=num_bins)
    return float(np.abs(gaps).sum() / weights.sum())


@dataclass(frozen=True)
class CalibrationNull:
    """Calibration error that a perfectly calibrated model would show.

    Attributes:
        mean: expected error.
        low: lower quantile of the error.
        high: upper quantile; an error above it is more than noise.
    """

    mean: float
    low: float
    high: float


def expected_calibration_error_null(
    probability: ArrayLike,
    *,
    num_bins: int,
    weight: ArrayLike | None = None,
    binning: Binning = "mass",
    num_draws: int = 200,
    level: float = 0.95,
    seed: int = 0,
) -> CalibrationNull | None:
    """Calibration error under perfect calibration, from labels drawn with the predicted probabilities.

    Rows are drawn independently of each other; outcomes that go together within a user make the real null
    larger. Other arguments as in ``expected_calibration_error``.

    Args:
        num_draws: sets of labels to draw, at least 1.
        level: share of the null between ``low`` and ``high``, in (0, 1).
        seed: of the draws.

    Returns:
        None where the weights sum to 0.
    """
    values = checks.probabilities(probability)
    weights = checks.row_weights(weight, num_rows=values.size)
    total = weights.sum()
    if not total > 0.0:
        return None
    # In an order of the values themselves, so that the order of the rows does not change the draws.
    order = np.lexsort((weights, values))
    values, weights = values[order], weights[order]
    bins = calibration_bins(values, num_bins=num_bins, weight=weights, binning=binning)
    starts = np.flatnonzero(np.diff(bins, prepend=-1))
    draw = generator(seed, "calibration error null")
    errors = np.empty(num_draws)
    for index in range(num_draws):
        gaps = weights * (values - (draw.random(values.size) < values))
        errors[index] = np.abs(np.add.reduceat(gaps, starts)).sum() / total
    tail = (1.0 - level) / 2.0
    low, high = np.quantile(errors, [tail, 1.0 - tail])
    return CalibrationNull(float(errors.mean()), float(low), float(high))
