"""What is reported of click probabilities.

N rows of a window.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from holdfast.core.arrays import Bools, Floats, Ints
from holdfast.evaluation import checks
from holdfast.evaluation.bootstrap import ClusterBootstrap
from holdfast.evaluation.calibration import (
    expected_calibration_error,
    expected_calibration_error_null,
    prepare_calibration_ratio,
)
from holdfast.evaluation.discrimination import (
    count_one_class_groups,
    prepare_grouped_auc,
    prepare_roc_auc,
)
from holdfast.evaluation.measure import Measure, measure, poisson_fallback
from holdfast.evaluation.metric_value import WEIGHTED_SUFFIX, MetricValue
from holdfast.evaluation.proper_scores import prepare_log_loss, prepare_normalized_entropy

ONE_CLASS = "all rows have the same label"
NO_WEIGHT = "the weights sum to 0"


def click_metrics(
    probability: ArrayLike,
    value: ArrayLike,
    known: ArrayLike,
    *,
    users: ArrayLike,
    weight: ArrayLike | None = None,
    bootstrap: ClusterBootstrap,
    num_bins: int = 10,
) -> list[MetricValue]:
    """Click metrics of a window, unweighted and, with ``weight``, propensity-weighted.

    Args:
        probability: of a click, in [0, 1], ``[N]``.
        value: 1 if clicked, else 0; anything where not ``known``, ``[N]``.
        known: False for rows that do not count, ``[N]``.
        users: integer code of each row's user, ``[N]``.
        weight: propensity weights, >= 0, ``[N]``; None for the unweighted version alone.
        bootstrap: how users are resampled.
        num_bins: bins of the calibration error.

    Returns:
        ``click/auc``, ``auc_by_user``, ``log_loss``, ``normalized_entropy``, ``calibration``, ``ece`` and
        ``ece_null``; docs/metrics.md defines them.
    """
    counted = np.asarray(known, dtype=bool)
    scores = checks.probabilities(np.asarray(probability)[counted])
    clicked = checks.binary_labels(np.asarray(value)[counted], name="value")
    user = checks.codes(np.asarray(users), name="users", num_rows=counted.size)[counted]
    results = _one_version(scores, clicked, user, None, bootstrap, num_bins)
    if weight is not None:
        weights = checks.row_weights(weight, num_rows=counted.size)[counted]
        results += _one_version(scores, clicked, user, weights, bootstrap, num_bins)
    return results


def _one_version(
    scores: Floats,
    clicked: Bools,
    user: Ints,
    weight: Floats | None,
    bootstrap: ClusterBootstrap,
    num_bins: int,
) -> list[MetricValue]:
    counts = checks.row_weights(weight, num_rows=scores.size)
    num_users, num_excluded = count_one_class_groups(clicked, user, weight=counts)
    by_user = f"{num_users - num_excluded} of {num_users} users have both labels; each counts by its rows"
    ones = clicked.astype(np.float64)
    measures = [
        Measure("click/auc", prepare_roc_auc(scores, clicked), ONE_CLASS),
        Measure(
            "click/auc_by_user",
            prepare_grouped_auc(scores, clicked, user),
            "no user has both labels",
            by_user,
        ),
        Measure("click/log_loss", prepare_log_loss(scores, clicked), NO_WEIGHT),
        Measure("click/normalized_entropy", prepare_normalized_entropy(scores, clicked), ONE_CLASS),
        Measure(
            "click/calibration",
            prepare_calibration_ratio(scores, ones),
            "no click was observed",
            fallback=poisson_fallback(scores, ones),
        ),
    ]
    results = measure(measures, clusters=user, bootstrap=bootstrap, weight=weight)
    return results + _calibration_errors(scores, clicked, weight, bootstrap, num_bins)


def _calibration_errors(
    scores: Floats, clicked: Bools, weight: Floats | None, bootstrap: ClusterBootstrap, num_bins: int
) -> list[MetricValue]:
    suffix, weighted = (WEIGHTED_SUFFIX, True) if weight is not None else ("", False)
    error = expected_calibration_error(scores, clicked, num_bins=num_bins, weight=weight)
    null = expected_calibration_error_null(
        scores, num_bins=num_bins, weight=weight, level=bootstrap.level, seed=bootstrap.seed
    )
    if error is None or null is None:
        why = f"undefined: {NO_WEIGHT if scores.size else 'no rows'}"
        names = (f"click/ece{suffix}", f"click/ece_null{suffix}")
        return [MetricValue(name, None, None, None, scores.size, weighted, why) for name in names]
    return [
        MetricValue(
            f"click/ece{suffix}",
            error,
            None,
            None,
            scores.size,
            weighted,
            "no interval, because resampling adds error; compare with click/ece_null",
        ),
        MetricValue(
            f"click/ece_null{suffix}",
            null.mean,
            null.low,
            null.high,
            scores.size,
            weighted,
            "expected, and range, if perfectly calibrated and rows independent",
        ),
    ]
