"""Errors of predicted dwell, and what is reported of it.

N rows of a window.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from holdfast.core.arrays import Floats
from holdfast.evaluation import checks
from holdfast.evaluation.bootstrap import ClusterBootstrap
from holdfast.evaluation.calibration import prepare_calibration_ratio
from holdfast.evaluation.concordance import prepare_xauc
from holdfast.evaluation.measure import Measure, measure
from holdfast.evaluation.metric_value import MetricValue, WeightedMetric
from holdfast.evaluation.weighted_mean import prepare_mean


def mean_absolute_error(
    predicted: ArrayLike, observed: ArrayLike, *, weight: ArrayLike | None = None
) -> float | None:
    """Weighted mean distance between prediction and observation, in their unit.

    Args:
        predicted: ``[N]``.
        observed: ``[N]``.
        weight: what a row counts, >= 0, ``[N]``; ones when None.

    Returns:
        At least 0; None where the weights sum to 0.
    """
    metric = prepare_mean_absolute_error(predicted, observed)
    return metric(checks.row_weights(weight, num_rows=np.size(np.asarray(observed))))


def prepare_mean_absolute_error(predicted: ArrayLike, observed: ArrayLike) -> WeightedMetric:
    """``mean_absolute_error`` prepared for many sets of weights."""
    predicted, observed = checks.finite_columns(predicted=predicted, observed=observed)
    return prepare_mean(np.abs(predicted - observed))


def dwell_metrics(
    predicted_seconds: ArrayLike,
    value: ArrayLike,
    event: ArrayLike,
    known: ArrayLike,
    *,
    users: ArrayLike,
    weight: ArrayLike | None = None,
    bootstrap: ClusterBootstrap,
) -> list[MetricValue]:
    """Dwell metrics of a window, unweighted and, with ``weight``, propensity-weighted.

    A dwell that the end of the content cut off counts as the seconds that were seen in the error and in the
    calibration: the prediction is of those, the content's length being known. In XAUC it is a lower bound
    (see ``xauc``).

    Args:
        predicted_seconds: expected seconds on the row's content if opened, >= 0, ``[N]``.
        value: seconds observed, >= 0; anything where not ``known``, ``[N]``.
        event: False where ``value`` is only a lower bound, ``[N]``.
        known: False for rows that do not count, such as those not opened, ``[N]``.
        users: integer code of each row's user, ``[N]``.
        weight: propensity weights, >= 0, ``[N]``; None for the unweighted version alone.
        bootstrap: how users are resampled.

    Returns:
        ``dwell/mae_seconds``, ``dwell/xauc`` and ``dwell/calibration``; docs/metrics.md defines them.
    """
    counted = np.asarray(known, dtype=bool)
    predicted, observed = checks.finite_columns(
        predicted_seconds=np.asarray(predicted_seconds)[counted], value=np.asarray(value)[counted]
    )
    ends = np.asarray(event, dtype=bool)[counted]
    user = checks.codes(np.asarray(users), name="users", num_rows=counted.size)[counted]
    cut = f"{int((~ends).sum())} of {ends.size} dwells are lower bounds"
    measures = [
        Measure(
            "dwell/mae_seconds", prepare_mean_absolute_error(predicted, observed), "the weights sum to 0", cut
        ),
        Measure("dwell/xauc", prepare_xauc(predicted, observed, ends), "no two dwells can be compared", cut),
        Measure(
            "dwell/calibration", prepare_calibration_ratio(predicted, observed), "observed dwell is 0", cut
        ),
    ]
    results = measure(measures, clusters=user, bootstrap=bootstrap)
    if weight is not None:
        weights: Floats = checks.row_weights(weight, num_rows=counted.size)[counted]
        results += measure(measures, clusters=user, bootstrap=bootstrap, weight=weights)
    return results
