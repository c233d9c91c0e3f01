"""How outcomes move with predictions: over all rows, within each user, and between users.

N rows, G groups.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from holdfast.core.arrays import Floats
from holdfast.evaluation import checks
from holdfast.evaluation.metric_value import WeightedMetric

Variation = Literal["pooled", "within", "between"]


def slope(
    predicted: ArrayLike,
    observed: ArrayLike,
    groups: ArrayLike,
    *,
    variation: Variation,
    weight: ArrayLike | None = None,
) -> float | None:
    r"""Slope of the regression of what was observed on what was predicted.

    .. math:: \frac{\sum_i w_i (p_i - \bar p_i)(y_i - \bar y_i)}{\sum_i w_i (p_i - \bar p_i)^2}

    ``pooled``: the bars are means over all rows. ``within``: means over the row's group, so that only
    differences among the rows of one group count. ``between``: one row a group, its means, weighted by its
    rows. The pooled slope lies between the other two, nearer to that of the larger variation.

    1 is as predicted; below 1 predictions differ more than outcomes do, at 0 they tell nothing. A day's
    outcome that moves the predictions of the user's later days pulls the slope within users down, the more so
    the fewer days there are: hold it against that of another model on the same rows, rather than against 1.

    Args:
        predicted: p, ``[N]``.
        observed: y, ``[N]``.
        groups: integer code of each row's group, such as the user's, ``[N]``.
        variation: which differences count.
        weight: what a row counts, >= 0, ``[N]``; ones when None.

    Returns:
        None where predictions do not differ in this way, so also without rows.

    Source: Mundlak (1978) for slopes within and between; Nickell (1981) for the pull.

    >>> slope([0.0, 1.0, 0.0, 1.0], [0.0, 0.5, 1.0, 1.5], [0, 0, 1, 1], variation="within")
    0.5
    """
    metric = prepare_slope(predicted, observed, groups, variation=variation)
    return metric(checks.row_weights(weight, num_rows=np.size(np.asarray(observed))))


def prepare_slope(
    predicted: ArrayLike, observed: ArrayLike, groups: ArrayLike, *, variation: Variation
) -> WeightedMetric:
    """``slope`` prepared for many sets of weights."""
    if variation not in ("pooled", "within", "between"):
        raise ValueError(f"variation is {variation!r}; choose pooled, within or between")
    p, y = checks.finite_columns(predicted=predicted, observed=observed)
    codes = checks.codes(groups, name="groups", num_rows=p.size)
    if variation == "pooled":
        return lambda weight: _slope(p, y, weight)
    _, group = np.unique(codes, return_inverse=True)
    num_groups = int(group.max(initial=-1)) + 1

    def grouped(weight: Floats) -> float | None:
        total = np.asarray(np.bincount(group, weight, minlength=num_groups), dtype=np.float64)
        counts = np.where(total > 0.0, total, 1.0)
        mean_p = np.bincount(group, weight * p, minlength=num_groups) / counts
        mean_y = np.bincount(group, weight * y, minlength=num_groups) / counts
        if variation == "between":
            return _slope(mean_p, mean_y, total)
        return _ratio(p - mean_p[group], y - mean_y[group], weight, scale=p)

    return grouped


def _slope(p: Floats, y: Floats, weight: Floats) -> float | None:
    total = float(weight.sum())
    if not total > 0.0:
        return None
    return _ratio(p - weight @ p / total, y - weight @ y / total, weight, scale=p)


def _ratio(p: Floats, y: Floats, weight: Floats, *, scale: Floats) -> float | None:
    variation, largest = float(weight @ p**2), float(np.abs(scale).max(initial=0.0))
    # Predictions that are all equal leave only what rounding made of their mean.
    if not variation > 1e-24 * largest**2 * float(weight.sum()):
        return None
    return float(weight @ (p * y)) / variation
