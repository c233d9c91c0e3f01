"""What is reported of the order within requests.

N rows of a window, Q requests.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from holdfast.core.arrays import Bools, Floats, Ints
from holdfast.evaluation import checks
from holdfast.evaluation.bootstrap import ClusterBootstrap
from holdfast.evaluation.discrimination import prepare_roc_auc
from holdfast.evaluation.measure import Measure, measure
from holdfast.evaluation.metric_value import MetricValue, WeightedMetric
from holdfast.evaluation.ranking import (
    RankedRequests,
    ndcg_per_request,
    rank_requests,
    reciprocal_rank_per_request,
    request_weights,
)
from holdfast.evaluation.weighted_mean import prepare_mean

MAIN_GAIN = "click"
"""The gain whose metrics carry no name of their own: ``ranking/ndcg@5`` and ``ranking/mrr``."""


def ranking_metrics(
    score: ArrayLike,
    gains: Mapping[str, ArrayLike],
    *,
    requests: ArrayLike,
    users: ArrayLike,
    cutoffs: Sequence[int],
    weight: ArrayLike | None = None,
    bootstrap: ClusterBootstrap,
) -> list[MetricValue]:
    """Ranking metrics of a window, unweighted and, with ``weight``, propensity-weighted.

    Args:
        score: the fused score, higher is shown first, ``[N]``.
        gains: what a row is worth, >= 0, ``[N]`` each; ``click`` names the main one, and ``dwell`` is
            ``ranking.dwell_gain``. NaN where it is not known: the whole request is then left out.
        requests: integer code of each row's request, ``[N]``.
        users: integer code of each row's user, ``[N]``; a request belongs to one user.
        cutoffs: k of NDCG at k.
        weight: propensity weights, >= 0, ``[N]``; None for the unweighted version alone.
        bootstrap: how users are resampled.

    Returns:
        ``ranking/auc``, ``ranking/ndcg@k`` and ``ranking/mrr`` for the gain ``click``,
        ``ranking/ndcg_<name>@k`` for any other; docs/metrics.md defines them. Requests of a single row have
        nothing to order and count in ``ranking/auc`` alone.
    """
    ranked = rank_requests(score, requests)
    num_rows = ranked.order.size
    user = checks.codes(users, name="users", num_rows=num_rows)
    if num_rows and (user[ranked.order] != user[ranked.first_row][ranked.request]).any():
        raise ValueError("a request has rows of several users; requests must be coded per user")
    columns = {name: np.asarray(gain, dtype=np.float64) for name, gain in gains.items()}
    versions: list[Floats | None] = [None]
    if weight is not None:
        versions.append(checks.row_weights(weight, num_rows=num_rows))
    results = []
    for weights in versions:
        if MAIN_GAIN in columns:
            results += _auc(score, columns[MAIN_GAIN], user, weights, bootstrap)
        for name, gain in columns.items():
            results += _one_gain(ranked, name, gain, user[ranked.first_row], cutoffs, weights, bootstrap)
    return results


def _auc(
    score: ArrayLike, gain: Floats, user: Ints, weight: Floats | None, bootstrap: ClusterBootstrap
) -> list[MetricValue]:
    """How well the ranking score tells clicked rows from others, whatever it was made to predict."""
    known = ~np.isnan(gain)
    prepared = prepare_roc_auc(np.asarray(score)[known], gain[known] > 0.0)
    return measure(
        [Measure("ranking/auc", prepared, "all rows are clicked, or none is")],
        clusters=user[known],
        bootstrap=bootstrap,
        weight=None if weight is None else weight[known],
    )


def _one_gain(
    ranked: RankedRequests,
    name: str,
    gain: Floats,
    user_of_request: Ints,
    cutoffs: Sequence[int],
    weight: Floats | None,
    bootstrap: ClusterBootstrap,
) -> list[MetricValue]:
    unknown = np.isnan(gain)
    (gain,) = checks.finite_columns(**{f"gain {name}": np.where(unknown, 0.0, gain)})
    weighted_gain = gain if weight is None else gain * weight
    metrics: dict[str, WeightedMetric] = {}
    of_gain = "" if name == MAIN_GAIN else f"_{name}"
    reciprocal, num_relevant = reciprocal_rank_per_request(ranked, weighted_gain)
    # A request of one row has only one order: it would count as perfect whatever the model says.
    ordered = np.bincount(ranked.request, minlength=ranked.num_requests) > 1
    incomplete = np.bincount(ranked.request, unknown[ranked.order], minlength=ranked.num_requests) > 0
    kept: Bools = (num_relevant > 0.0) & ordered & ~incomplete
    for cutoff in cutoffs:
        values, _ = ndcg_per_request(ranked, weighted_gain, cutoff=cutoff)
        metrics[f"ranking/ndcg{of_gain}@{cutoff}"] = prepare_mean(values[kept])
    if name == MAIN_GAIN:
        metrics["ranking/mrr"] = prepare_mean(reciprocal[kept])
    excluded = int((~kept).sum())
    note = f"{excluded} of {kept.size} requests have nothing relevant or a single row, and are left out"
    if incomplete.any():
        note += f"; so are {int(incomplete.sum())} that hold a row of unknown worth"
    measures = [
        Measure(metric, prepared, "no request has a relevant row among several", note)
        for metric, prepared in metrics.items()
    ]
    return measure(
        measures,
        clusters=user_of_request[kept],
        bootstrap=bootstrap,
        weight=None if weight is None else np.asarray(request_weights(ranked, weight)[kept]),
        unit="requests with a relevant row among several",
    )
