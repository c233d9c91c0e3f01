"""What is measured of a trained model on the test window, and again for resampled users.

N rows of a window.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from holdfast.app.composition import Plan
from holdfast.app.dwell_measuring import dwell_rows
from holdfast.core.arrays import Floats, Ints
from holdfast.data.encoded import EncodedWindow
from holdfast.evaluation.bootstrap import ClusterBootstrap
from holdfast.evaluation.concordance import prepare_xauc
from holdfast.evaluation.discrimination import prepare_roc_auc
from holdfast.evaluation.metric_value import WeightedMetric
from holdfast.evaluation.proper_scores import prepare_log_loss
from holdfast.evaluation.ranking import dwell_gain, ndcg_per_request, rank_requests
from holdfast.evaluation.retention_metrics import matured_user_days
from holdfast.evaluation.weighted_mean import prepare_mean
from holdfast.models.ranker import Ranker

OBJECTIVES = {"click": "click/log_loss", "dwell": "dwell/crps_seconds", "return": "return_1/log_loss"}
"""The proper score by which each objective is judged."""
MEASURES = {
    "click/auc": 1,
    "click/log_loss": -1,
    "dwell/xauc": 1,
    "dwell/crps_seconds": -1,
    "return_1/auc": 1,
    "return_1/log_loss": -1,
    "return_7/auc": 1,
    "return_7/log_loss": -1,
    "ndcg@5": 1,
    "ndcg_dwell@5": 1,
}
"""1 where more is better, -1 where less is."""
CUTOFF = 5
RETURN_DAYS = (1, 7)


@dataclass(frozen=True)
class Prepared:
    """A measure that waits for weights of its units, each of which belongs to a user."""

    name: str
    metric: WeightedMetric
    users: Ints


def measured(
    ranker: Ranker, window: EncodedWindow, outputs: dict[str, Floats], plan: Plan
) -> Iterator[Prepared]:
    """Everything in ``MEASURES``, unweighted rows, user-days or requests."""
    yield from _click(window, outputs["click_probability"])
    yield from _dwell(ranker, window, outputs, plan)
    yield from _return(window, outputs["return_by_day"])
    yield from _order(window, outputs["score"])


def values(measures: list[Prepared]) -> dict[str, float]:
    """Each measure with all users once."""
    return {each.name: _number(each, np.ones(each.users.size)) for each in measures}


def resampled(measures: list[Prepared], users: Ints, bootstrap: ClusterBootstrap) -> dict[str, list[float]]:
    """Each measure for each set of resampled users: the same sets for all measures and models of a world."""
    found: dict[str, list[float]] = {each.name: [] for each in measures}
    of_user = np.zeros(int(users.max()) + 1)
    for weight in bootstrap.resamples(users):
        of_user[users] = weight
        for each in measures:
            found[each.name].append(_number(each, of_user[each.users]))
    return found


def _number(measure: Prepared, weight: Floats) -> float:
    value = measure.metric(weight)
    if value is None:
        raise ValueError(f"{measure.name} is not defined on the test window; give the world more users")
    return float(value)


def _click(window: EncodedWindow, probability: Floats) -> Iterator[Prepared]:
    index = window.index_of("click")
    known = window.known[:, index]
    chance, clicked = probability[known], window.value[known, index] > 0.5
    yield Prepared("click/auc", prepare_roc_auc(chance, clicked), window.user[known])
    yield Prepared("click/log_loss", prepare_log_loss(chance, clicked), window.user[known])


def _dwell(
    ranker: Ranker, window: EncodedWindow, outputs: dict[str, Floats], plan: Plan
) -> Iterator[Prepared]:
    limit = plan.evaluation.dwell_limit_seconds
    rows, _ = dwell_rows(
        ranker, window, outputs, population="opened", limit_seconds=limit, weight=None, click_weight=None
    )
    known = rows.known
    order = prepare_xauc(rows.predicted_seconds[known], rows.value[known], rows.event[known])
    yield Prepared("dwell/xauc", order, window.user[known])
    assert rows.crps_seconds is not None, "all contenders have the default head, which is a distribution"
    yield Prepared("dwell/crps_seconds", prepare_mean(rows.crps_seconds[known]), window.user[known])


def _return(window: EncodedWindow, by_day: Floats) -> Iterator[Prepared]:
    index = window.index_of("retention")
    for days in RETURN_DAYS:
        matured = matured_user_days(
            by_day,
            window.value[:, index],
            window.event[:, index],
            window.follow_up_days,
            user_days=window.user_day,
            users=window.user,
            days=window.day,
            horizon=days,
        )
        chance, back = matured.rows.columns[0], matured.rows.columns[1] > 0.5
        yield Prepared(f"return_{days}/auc", prepare_roc_auc(chance, back), matured.user)
        yield Prepared(f"return_{days}/log_loss", prepare_log_loss(chance, back), matured.user)


def _order(window: EncodedWindow, score: Floats) -> Iterator[Prepared]:
    """NDCG of the fused score, over requests with something to find and nothing unknown."""
    ranked = rank_requests(score, window.request)
    clicks, dwell = window.index_of("click"), window.index_of("dwell")
    click = window.value[:, clicks]
    opened = window.known[:, dwell]
    unknown = ~window.known[:, clicks] | ((click > 0.0) & ~opened)
    gains = {
        "ndcg@5": np.where(unknown, 0.0, click).astype(np.float64),
        "ndcg_dwell@5": np.where(unknown, 0.0, dwell_gain(window.value[:, dwell], opened)),
    }
    user = window.user[ranked.first_row]
    incomplete = np.bincount(ranked.request, unknown[ranked.order], minlength=ranked.num_requests) > 0
    several = np.bincount(ranked.request, minlength=ranked.num_requests) > 1
    for name, gain in gains.items():
        found = np.bincount(ranked.request, gain[ranked.order], minlength=ranked.num_requests) > 0.0
        kept = found & several & ~incomplete
        each, _ = ndcg_per_request(ranked, gain, cutoff=CUTOFF)
        yield Prepared(name, prepare_mean(each[kept]), user[kept])
