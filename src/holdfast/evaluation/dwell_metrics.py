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
from holdfast.evaluation.concordance import prepare_xauc, xauc
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
    crps_seconds: ArrayLike | None = None,
    log_score: ArrayLike | None = None,
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
        crps_seconds: score of each row's whole distribution, ``[N]``; see ``evaluation.crps``; None if the
            head has none.
        log_score: censored log score in nats, ``[N]``; None where the distribution has no density.
        weight: propensity weights, >= 0, ``[N]``; None for the unweighted version alone.
        bootstrap: how users are resampled.

    Returns:
        ``dwell/mae_seconds``, ``dwell/xauc``, ``dwell/calibration`` and, where given, ``dwell/crps_seconds``
        and ``dwell/log_score``; docs/metrics.md defines them.
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
    for name, scores in (("dwell/crps_seconds", crps_seconds), ("dwell/log_score", log_score)):
        if scores is not None:
            (finite,) = checks.finite_columns(score=np.asarray(scores)[counted])
            measures.append(Measure(name, prepare_mean(finite), "the weights sum to 0", cut))
    results = measure(measures, clusters=user, bootstrap=bootstrap)
    if weight is not None:
        weights: Floats = checks.row_weights(weight, num_rows=counted.size)[counted]
        results += measure(measures, clusters=user, bootstrap=bootstrap, weight=weights)
    return results


def all_rows_dwell_metrics(
    predicted_seconds: ArrayLike,
    value: ArrayLike,
    event: ArrayLike,
    known: ArrayLike,
    *,
    users: ArrayLike,
    crps_seconds: ArrayLike | None = None,
    weight: ArrayLike | None = None,
    bootstrap: ClusterBootstrap,
) -> list[MetricValue]:
    """Metrics of the seconds *an impression*, opened or not, unweighted and, with ``weight``, weighted.

    Heads of dwell over opened rows and heads over all rows meet here: the former through the chance of a
    click. Cut dwells count as in ``dwell_metrics``.

    Args:
        predicted_seconds: chance to be opened times expected seconds if opened, >= 0, ``[N]``.
        value: seconds observed, 0 where not opened; anything where not ``known``, ``[N]``.
        event: False where ``value`` is only a lower bound, ``[N]``.
        known: False where nobody knows whether, or for how long, the row was opened, ``[N]``.
        users: integer code of each row's user, ``[N]``.
        crps_seconds: score of the whole distribution of an impression's seconds, ``[N]``; None if there is
            none.
        weight: propensity weights, >= 0, ``[N]``; None for the unweighted version alone.
        bootstrap: how users are resampled.

    Returns:
        ``dwell/all_rows/mae_seconds``, ``xauc`` (unweighted only, without an interval: its pairs are too many
        to resample), ``calibration`` and, where given, ``crps_seconds``.
    """
    counted = np.asarray(known, dtype=bool)
    predicted, observed = checks.finite_columns(
        predicted_seconds=np.asarray(predicted_seconds)[counted], value=np.asarray(value)[counted]
    )
    ends = np.asarray(event, dtype=bool)[counted]
    user = checks.codes(np.asarray(users), name="users", num_rows=counted.size)[counted]
    note = f"{int((observed > 0.0).sum())} of {observed.size} rows were opened; the others count 0 seconds"
    measures = [
        Measure(
            "dwell/all_rows/mae_seconds",
            prepare_mean_absolute_error(predicted, observed),
            "the weights sum to 0",
            note,
        ),
        Measure(
            "dwell/all_rows/calibration",
            prepare_calibration_ratio(predicted, observed),
            "observed dwell is 0",
            note,
        ),
    ]
    if crps_seconds is not None:
        (scores,) = checks.finite_columns(crps_seconds=np.asarray(crps_seconds)[counted])
        measures.append(
            Measure("dwell/all_rows/crps_seconds", prepare_mean(scores), "the weights sum to 0", note)
        )
    results = measure(measures, clusters=user, bootstrap=bootstrap)
    order = xauc(predicted, observed, event=ends) if observed.size else None
    why = (
        "undefined: no two dwells can be compared"
        if order is None
        else "no interval: too many pairs to resample"
    )
    results.append(
        MetricValue("dwell/all_rows/xauc", order, None, None, observed.size, False, f"{why}; {note}")
    )
    if weight is not None:
        weights: Floats = checks.row_weights(weight, num_rows=counted.size)[counted]
        results += measure(measures, clusters=user, bootstrap=bootstrap, weight=weights)
    return results
