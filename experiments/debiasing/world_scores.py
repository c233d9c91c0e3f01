"""How far predictions are from the truth of a world.

Q requests, C candidates.
"""

from __future__ import annotations

import numpy as np
from scipy.stats import rankdata

from holdfast.core.arrays import Bools, Floats

MEASURES = ("mae", "rmse", "calibration", "rank_correlation", "mae_liked", "mae_others")


def scores(predicted: Floats, truth: Floats, liked: Bools) -> dict[str, float]:
    """Measures of a head over all candidates of requests, by name.

    Args:
        predicted: ``[Q, C]``.
        truth: ``[Q, C]``.
        liked: candidates that the confounded log's policy puts first, ``[Q, C]``.

    Returns:
        ``mae`` and ``rmse``; ``calibration``, the mean prediction over the mean truth; ``rank_correlation``,
        Spearman's within a request, averaged; ``mae_liked`` and ``mae_others``, the error on candidates that
        the policy shows often and on those that it shows rarely.
    """
    error = np.abs(predicted - truth)
    return {
        "mae": float(error.mean()),
        "rmse": float(np.sqrt(np.square(error).mean())),
        "calibration": float(predicted.mean() / truth.mean()),
        "rank_correlation": _mean(rank_correlation(predicted, truth)),
        "mae_liked": float(error[liked].mean()),
        "mae_others": float(error[~liked].mean()),
    }


def user_day_scores(predicted: Floats, truth: Floats) -> dict[str, float]:
    """The same of a fact of the user's day, for which what is shown is the same; ``[Q]`` each.

    ``rank_correlation`` is over all requests.
    """
    error = np.abs(predicted - truth)
    return {
        "mae": float(error.mean()),
        "rmse": float(np.sqrt(np.square(error).mean())),
        "calibration": float(predicted.mean() / truth.mean()),
        "rank_correlation": float(rank_correlation(predicted[None], truth[None])[0]),
    }


def rank_correlation(first: Floats, second: Floats) -> Floats:
    """Spearman's rank correlation of each row, ``[Q]``; ties share their mean rank, NaN where all tie."""
    ranks = [rankdata(each, axis=1) for each in (first, second)]
    ranks = [each - each.mean(axis=1, keepdims=True) for each in ranks]
    product = (ranks[0] * ranks[1]).sum(axis=1)
    size = np.sqrt((ranks[0] ** 2).sum(axis=1) * (ranks[1] ** 2).sum(axis=1))
    found: Floats = np.divide(product, size, out=np.full(len(size), np.nan), where=size > 0)
    return found


def _mean(values: Floats) -> float:
    """Of the values that are numbers; NaN where none is."""
    found = values[~np.isnan(values)]
    return float(found.mean()) if found.size else float("nan")
