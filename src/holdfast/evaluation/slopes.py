"""How outcomes move with predictions: over all days, against a user's own past, and between users.

D user-days.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from holdfast.core.arrays import Floats
from holdfast.evaluation import checks
from holdfast.evaluation.metric_value import WeightedMetric

Variation = Literal["within", "between"]


def own_past_mean(predicted: ArrayLike, users: ArrayLike, days: ArrayLike) -> Floats:
    """Mean prediction of each user's earlier days, ``[D]``; NaN on the user's first day.

    Args:
        predicted: ``[D]``.
        users: integer code of each user-day's user, ``[D]``.
        days: day of each, integers, ``[D]``; each once a user.
    """
    (values,) = checks.finite_columns(predicted=predicted)
    user = checks.codes(users, name="users", num_rows=values.size)
    day = checks.codes(days, name="days", num_rows=values.size)
    order = np.lexsort((day, user))
    sorted_user, sums = user[order], np.zeros(values.size)
    sums[1:] = np.cumsum(values[order])[:-1]
    first = np.flatnonzero(np.r_[True, sorted_user[1:] != sorted_user[:-1]][: values.size])
    lengths = np.diff(np.r_[first, values.size])
    before = np.arange(values.size) - np.repeat(first, lengths)
    past = np.full(values.size, np.nan)
    past[order] = np.where(
        before > 0, (sums - np.repeat(sums[first], lengths)) / np.maximum(before, 1), np.nan
    )
    return past


def prepare_slope(predicted: ArrayLike, observed: ArrayLike) -> WeightedMetric:
    r"""Slope of the regression of what was observed on what was predicted, for many sets of weights.

    .. math:: \frac{\sum_i w_i (p_i - \bar p)(y_i - \bar y)}{\sum_i w_i (p_i - \bar p)^2}

    1 is as predicted; below 1 predictions differ more than outcomes do, at 0 they tell nothing. None where
    the predictions do not differ.

    Source: Cox (1958) for the regression of outcomes on predictions as a check of them.
    """
    p, y = checks.finite_columns(predicted=predicted, observed=observed)
    return lambda weight: _coefficient([p], y, weight, index=0)


def prepare_slope_of(
    variation: Variation, predicted: ArrayLike, observed: ArrayLike, past_mean: ArrayLike
) -> WeightedMetric:
    r"""One of the two slopes of what a prediction says beyond the user's past, and of what the past said.

    .. math:: y = \beta_0 + \beta_b \, a + \beta_w \, (p - a) + \varepsilon

    with a the mean prediction of the user's earlier days: ``within`` is :math:`\beta_w`, ``between`` is
    :math:`\beta_b`. Where p is the chance of y given all that was known that day, both are 1, because a and p
    are part of it. The same cannot be said of days compared with the user's *other* days, later ones among
    them: an absence ends a user's days, so that it lies last, after the visits that raised the predictions,
    and even a perfect model seems to be wrong about when. That is why the past alone is the yardstick here.

    Args:
        variation: which slope.
        predicted: p, ``[D]``.
        observed: y, ``[D]``.
        past_mean: a, from ``own_past_mean``, ``[D]``; days where it is NaN do not count.

    Returns:
        From weights ``[D]`` to a slope; None where p or a does not differ, or the two go together.

    Source: Mundlak (1978) for a mean beside the deviation from it; Nickell (1981) for what later days do.
    """
    if variation not in ("within", "between"):
        raise ValueError(f"variation is {variation!r}; choose within or between")
    p, y = checks.finite_columns(predicted=predicted, observed=observed)
    past = np.asarray(past_mean, dtype=np.float64)
    checks.same_length(predicted=p, past_mean=past)
    has_past = ~np.isnan(past)
    columns = [past[has_past], (p - past)[has_past]]
    index = 0 if variation == "between" else 1
    return lambda weight: _coefficient(columns, y[has_past], weight[has_past], index=index)


def _coefficient(columns: Sequence[Floats], y: Floats, weight: Floats, *, index: int) -> float | None:
    """A coefficient of least squares with a constant; None where the columns do not tell it."""
    total = float(weight.sum())
    if not total > 0.0:
        return None
    centered = np.column_stack([each - weight @ each / total for each in columns])
    moments = centered.T @ (centered * weight[:, None]) / total
    scale = np.sqrt(np.diag(moments))
    size = np.array([np.abs(each).max() for each in columns])
    # Predictions that are all equal leave only what rounding made of their mean.
    if not (scale > 1e-9 * np.maximum(size, 1e-12)).all():
        return None
    correlations = moments / np.outer(scale, scale)
    if np.linalg.cond(correlations) > 1e10:
        return None
    effects = np.linalg.solve(correlations, centered.T @ (weight * y) / total / scale) / scale
    return float(effects[index])
