"""Metrics day by day: what decays, and when.

N rows of a window.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from holdfast.core.arrays import Ints
from holdfast.evaluation import checks
from holdfast.evaluation.bootstrap import ClusterBootstrap
from holdfast.evaluation.calibration import prepare_calibration_ratio
from holdfast.evaluation.concordance import prepare_xauc
from holdfast.evaluation.discrimination import prepare_roc_auc
from holdfast.evaluation.measure import Measure, measure, poisson_fallback
from holdfast.evaluation.retention_metrics import matured_user_days

COLUMNS = ["day", "metric", "value", "low", "high", "n", "note"]

DailyMetrics = Callable[[Ints], list[Measure]]
"""From the numbers of a day's rows ``[n]`` to the metrics prepared on them."""


def daily_table(
    days: ArrayLike,
    metrics: DailyMetrics,
    *,
    users: ArrayLike,
    bootstrap: ClusterBootstrap,
    known: ArrayLike | None = None,
    weight: ArrayLike | None = None,
) -> pd.DataFrame:
    """Each metric on each day, with its interval.

    Args:
        days: local day of each row, integers, ``[N]``.
        metrics: prepares metrics on some of the rows.
        users: integer code of each row's user, ``[N]``.
        bootstrap: how users are resampled.
        known: False for rows that do not count, ``[N]``; a day without others stays in the table.
        weight: propensity weights, >= 0, ``[N]``; None for unweighted.

    Returns:
        Rows ``day, metric, value, low, high, n, note``, in order of day. NaN, the missing value of tables,
        where a metric is undefined or has no interval; ``note`` then says why.
    """
    day = np.asarray(days)
    day = checks.codes(day, name="days", num_rows=day.size)
    user = checks.codes(users, name="users", num_rows=day.size)
    counted = np.ones(day.size, dtype=bool) if known is None else np.asarray(known, dtype=bool)
    weights = None if weight is None else checks.row_weights(weight, num_rows=day.size)
    rows = []
    for each in np.unique(day):
        chosen = np.flatnonzero((day == each) & counted)
        found = measure(
            metrics(chosen),
            clusters=user[chosen],
            bootstrap=bootstrap,
            weight=None if weights is None else weights[chosen],
            unit="rows whose label is known",
        )
        rows += [
            (int(each), value.name, value.value, value.low, value.high, value.n, value.note)
            for value in found
        ]
    table = pd.DataFrame(rows, columns=COLUMNS)
    return table.astype({"value": "float64", "low": "float64", "high": "float64"})


def click_by_day(
    probability: ArrayLike,
    value: ArrayLike,
    known: ArrayLike,
    *,
    users: ArrayLike,
    days: ArrayLike,
    bootstrap: ClusterBootstrap,
) -> pd.DataFrame:
    """``click/auc`` and ``click/calibration`` of each day; arguments as in ``click_metrics``."""
    score, click = np.asarray(probability, dtype=np.float64), np.asarray(value, dtype=np.float64)

    def metrics(rows: Ints) -> list[Measure]:
        ratio = prepare_calibration_ratio(score[rows], click[rows])
        fallback = poisson_fallback(score[rows], click[rows])
        return [
            Measure("click/auc", prepare_roc_auc(score[rows], click[rows]), "all rows have the same label"),
            Measure("click/calibration", ratio, "no click was observed", fallback=fallback),
        ]

    return daily_table(days, metrics, users=users, bootstrap=bootstrap, known=known)


def dwell_by_day(
    predicted_seconds: ArrayLike,
    value: ArrayLike,
    event: ArrayLike,
    known: ArrayLike,
    *,
    users: ArrayLike,
    days: ArrayLike,
    bootstrap: ClusterBootstrap,
) -> pd.DataFrame:
    """``dwell/xauc`` and ``dwell/calibration`` of each day; arguments as in ``dwell_metrics``."""
    predicted, observed = np.asarray(predicted_seconds), np.asarray(value)
    ends = np.asarray(event, dtype=bool)

    def metrics(rows: Ints) -> list[Measure]:
        order = prepare_xauc(predicted[rows], observed[rows], ends[rows])
        ratio = prepare_calibration_ratio(predicted[rows], observed[rows])
        return [
            Measure("dwell/xauc", order, "no two dwells can be compared"),
            Measure("dwell/calibration", ratio, "observed dwell is 0"),
        ]

    return daily_table(days, metrics, users=users, bootstrap=bootstrap, known=known)


def retention_by_day(
    return_probability_by_day: ArrayLike,
    value: ArrayLike,
    event: ArrayLike,
    follow_up_days: ArrayLike,
    *,
    user_days: ArrayLike,
    users: ArrayLike,
    days: ArrayLike,
    horizon: int,
    bootstrap: ClusterBootstrap,
) -> pd.DataFrame:
    """``retention/d<horizon>/auc`` and ``calibration`` of each day; arguments as in ``retention_metrics``.

    A day whose horizon is not over stays out of the table: nothing is known of it yet.
    """
    matured = matured_user_days(
        np.asarray(return_probability_by_day, dtype=np.float64),
        value,
        event,
        follow_up_days,
        user_days=user_days,
        users=users,
        days=days,
        horizon=horizon,
    )
    predicted, label = matured.rows.columns
    name = f"retention/d{horizon}"

    def metrics(rows: Ints) -> list[Measure]:
        ratio = prepare_calibration_ratio(predicted[rows], label[rows])
        fallback = poisson_fallback(predicted[rows], label[rows])
        auc = prepare_roc_auc(predicted[rows], label[rows])
        return [
            Measure(f"{name}/auc", auc, "all user-days have the same label"),
            Measure(f"{name}/calibration", ratio, "no return was observed", fallback=fallback),
        ]

    return daily_table(matured.day, metrics, users=matured.user, bootstrap=bootstrap)
