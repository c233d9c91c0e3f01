"""What is reported of return probabilities, always beside a recency and frequency baseline.

N rows of a window, D user-days, H days.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from holdfast.core.arrays import Bools, Floats, Ints
from holdfast.evaluation import checks
from holdfast.evaluation.bootstrap import ClusterBootstrap
from holdfast.evaluation.measure import measure
from holdfast.evaluation.metric_value import WEIGHTED_SUFFIX, MetricValue
from holdfast.evaluation.retention_measures import measure_names, return_measures
from holdfast.evaluation.user_days import UserDays, per_user_day


@dataclass(frozen=True)
class MaturedUserDays:
    """The user-days for which 'back within d days?' can no longer change.

    Attributes:
        rows: summed up; columns are the predicted probability, the label and, if any, the baseline's.
        user: code of each one's user, ``[D]``.
        day: local day of each one, ``[D]``.
    """

    rows: UserDays
    user: Ints
    day: Ints


def matured_user_days(
    return_probability_by_day: Floats,
    value: ArrayLike,
    event: ArrayLike,
    follow_up_days: ArrayLike,
    *,
    user_days: ArrayLike,
    users: ArrayLike,
    days: ArrayLike,
    horizon: int,
    baseline_by_day: Floats | None = None,
    weight: Floats | None = None,
) -> MaturedUserDays:
    """Answers and predictions of 'back within ``horizon`` days?', one row per user-day.

    A row counts once its whole horizon is observed, positive or not: a recent return counted before a recent
    absence can be would make everybody look loyal. Arguments as in ``retention_metrics``.

    Raises:
        ValueError: the rows of a user-day disagree about the return.
    """
    matured = np.asarray(follow_up_days) >= horizon
    num_rows = matured.size
    label = np.asarray(event, dtype=bool)[matured] & (np.asarray(value)[matured] <= horizon)
    columns = [return_probability_by_day[matured, horizon - 1], label.astype(np.float64)]
    if baseline_by_day is not None:
        columns.append(baseline_by_day[matured, horizon - 1])
    codes = checks.codes(user_days, name="user_days", num_rows=num_rows)[matured]
    rows = per_user_day(codes, None if weight is None else weight[matured], *columns)
    mixed = (rows.columns[1] > 0.0) & (rows.columns[1] < 1.0)
    if mixed.any():
        raise ValueError(
            f"{int(mixed.sum())} user-days have rows that disagree about the return within {horizon} days; "
            "a return is one fact of a user's day"
        )
    user = checks.codes(users, name="users", num_rows=num_rows)[matured]
    day = checks.codes(days, name="days", num_rows=num_rows)[matured]
    return MaturedUserDays(rows, user[rows.first_row], day[rows.first_row])


def retention_metrics(
    return_probability_by_day: ArrayLike,
    value: ArrayLike,
    event: ArrayLike,
    follow_up_days: ArrayLike,
    *,
    user_days: ArrayLike,
    users: ArrayLike,
    days: ArrayLike,
    horizons: Sequence[int],
    baseline_by_day: ArrayLike | None = None,
    bootstrap: ClusterBootstrap,
    weight: ArrayLike | None = None,
) -> list[MetricValue]:
    """Retention metrics of a window, unweighted and, with ``weight``, propensity-weighted.

    Args:
        return_probability_by_day: chance to be back within d = 1 to H days, ``[N, H]``; NaN in all rows for
            days that are not predicted.
        value: days until the user was back, or for which it is known that they were not, ``[N]``.
        event: False where ``value`` is only a lower bound, ``[N]``.
        follow_up_days: whole days after the row's own whose visits are known, ``[N]``.
        user_days: integer code of each row's user-day, ``[N]``.
        users: integer code of each row's user, ``[N]``.
        days: local day of each row, integers, ``[N]``.
        horizons: days d to report, 1 to H.
        baseline_by_day: the same of the recency and frequency baseline, at least as many days, ``[N, H]``.
        bootstrap: how users are resampled.
        weight: propensity weights, >= 0, ``[N]``; None for the unweighted version alone.

    Returns:
        For each horizon d the measures ``retention/d<d>/...`` of ``retention_measures.measure_names``;
        docs/metrics.md defines them.
    """
    predicted = _by_day(return_probability_by_day, "return_probability_by_day")
    baseline = None if baseline_by_day is None else _by_day(baseline_by_day, "baseline_by_day")
    longest = min(each.shape[1] for each in (predicted, baseline) if each is not None)
    versions: list[Floats | None] = [None]
    if weight is not None:
        versions.append(checks.row_weights(weight, num_rows=predicted.shape[0]))
    results = []
    for weights in versions:
        for horizon in horizons:
            why = _not_predicted(horizon, longest, predicted)
            if why:
                results += _undefined(horizon, why, baseline is not None, weights is not None)
                continue
            matured = matured_user_days(
                predicted,
                value,
                event,
                follow_up_days,
                user_days=user_days,
                users=users,
                days=days,
                horizon=horizon,
                baseline_by_day=baseline,
                weight=weights,
            )
            note = _maturity_note(matured, np.asarray(user_days), np.asarray(days))
            results += measure(
                return_measures(
                    matured.rows.columns[0],
                    matured.rows.columns[1],
                    matured.user,
                    matured.day,
                    name=f"retention/d{horizon}",
                    note=note,
                    baseline=None if baseline is None else matured.rows.columns[2],
                    weight=None if weights is None else matured.rows.weight,
                ),
                clusters=matured.user,
                bootstrap=bootstrap,
                weight=None if weights is None else matured.rows.weight,
                unit="matured user-days",
            )
    return results


def _not_predicted(horizon: int, longest: int, predicted: Floats) -> str:
    """Why there is no prediction for a horizon; empty where there is one."""
    if horizon > longest:
        return f"undefined: predictions reach {longest} days ahead, the horizon is {horizon}"
    if not _predicted(predicted)[horizon - 1]:
        return f"undefined: the head does not predict a return within {horizon} days"
    return ""


def _undefined(horizon: int, why: str, with_baseline: bool, weighted: bool) -> list[MetricValue]:
    names = measure_names(with_baseline=with_baseline)
    suffix = WEIGHTED_SUFFIX if weighted else ""
    return [
        MetricValue(f"retention/d{horizon}/{name}{suffix}", None, None, None, 0, weighted, why)
        for name in names
    ]


def _maturity_note(matured: MaturedUserDays, user_days: Ints, days: Ints) -> str:
    rows, all_rows = matured.user.size, np.unique(user_days).size
    counted, all_days = np.unique(matured.day).size, np.unique(days).size
    return f"{rows} of {all_rows} user-days matured, on {counted} of {all_days} days"


def _predicted(matrix: Floats) -> Bools:
    """Which days are predicted, ``[H]``; all of them where there is no row."""
    return np.asarray(~np.isnan(matrix).all(axis=0) | (matrix.shape[0] == 0))


def _by_day(values: ArrayLike, name: str) -> Floats:
    """The matrix as float64 ``[N, H]``; a column of nothing but NaN is a day that is not predicted.

    Raises:
        ValueError: it is no matrix, holds a value outside [0, 1], or falls with the days.
    """
    matrix = np.asarray(values, dtype=np.float64)
    if matrix.ndim != 2 or matrix.shape[1] == 0:
        raise ValueError(f"{name} has shape {matrix.shape}; expected [rows, days], at least one day")
    predicted = matrix[:, _predicted(matrix)]
    checks.probabilities(predicted.ravel(), name=name)
    falls: Bools = np.diff(predicted, axis=1) < -1e-6
    if falls.any():
        raise ValueError(
            f"{name} falls with the days; pass the chance to be back within d days, not on day d"
        )
    return matrix
