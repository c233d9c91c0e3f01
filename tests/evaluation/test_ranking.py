from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from sklearn.metrics import ndcg_score

from holdfast.evaluation.bootstrap import ClusterBootstrap
from holdfast.evaluation.ranking import (
    dwell_gain,
    ndcg_per_request,
    rank_requests,
    reciprocal_rank_per_request,
    request_weights,
)
from holdfast.evaluation.ranking_metrics import ranking_metrics


def ndcg_at_k(score, gain, requests, *, cutoff: int, weight=None) -> float | None:
    ranked = rank_requests(score, requests)
    weights = np.ones(len(score)) if weight is None else weight
    values, best = ndcg_per_request(ranked, gain * weights, cutoff=cutoff)
    return mean(values, request_weights(ranked, weights) * (best > 0.0))


def mrr(score, gain, requests, *, weight=None) -> float | None:
    ranked = rank_requests(score, requests)
    weights = np.ones(len(score)) if weight is None else weight
    values, num_relevant = reciprocal_rank_per_request(ranked, gain * weights)
    return mean(values, request_weights(ranked, weights) * (num_relevant > 0.0))


def mean(values: np.ndarray, weight: np.ndarray) -> float | None:
    """Over requests with something relevant."""
    return float(np.average(values, weights=weight)) if weight.any() else None


def slates(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    requests = np.repeat(rng.permutation(50) * 3, rng.integers(1, 9, size=50))
    score = rng.integers(0, 4, size=requests.size).astype(float)
    gain = rng.integers(0, 3, size=requests.size) * (rng.random(requests.size) < 0.4)
    order = rng.permutation(requests.size)
    return score[order], gain[order].astype(float), requests[order]


@pytest.mark.parametrize("cutoff", [1, 3, 10])
def test_ndcg_agrees_with_scikit_learn_with_ties(cutoff: int) -> None:
    score, gain, requests = slates(cutoff)
    expected = []
    for request in np.unique(requests):
        rows = requests == request
        if gain[rows].sum() == 0:
            continue
        # scikit-learn refuses slates of one; an item that is never relevant, last, changes nothing.
        relevance, scores = np.append(gain[rows], 0.0), np.append(score[rows], -1.0)
        expected.append(ndcg_score([relevance], [scores], k=cutoff))
    assert 0 < len(expected) < 50
    assert ndcg_at_k(score, gain, requests, cutoff=cutoff) == pytest.approx(np.mean(expected), abs=1e-12)


def test_mrr_is_the_mean_over_all_orders_of_ties() -> None:
    score, gain, requests = slates(4)
    for request in np.unique(requests):
        rows = np.flatnonzero(requests == request)
        if len(rows) > 6 or not gain[rows].any():
            continue
        ranks = []
        for order in permutations(rows):
            if (np.diff(score[list(order)]) <= 0).all():
                ranks.append(1.0 / (1 + np.flatnonzero(gain[list(order)] > 0)[0]))
        assert mrr(score[rows], gain[rows], requests[rows]) == pytest.approx(np.mean(ranks), abs=1e-12)


def test_by_hand() -> None:
    requests = [7, 7, 7, 9, 9, 3]
    score = [0.9, 0.8, 0.1, 0.2, 0.5, 1.0]
    gain = [0, 1, 1, 1, 0, 0]
    # Relevant at places 2 and 3, and 2; the third request has nothing relevant.
    assert mrr(score, gain, requests) == pytest.approx((1 / 2 + 1 / 2) / 2)
    first = (1 / np.log2(3) + 1 / 2) / (1 + 1 / np.log2(3))
    assert ndcg_at_k(score, gain, requests, cutoff=5) == pytest.approx((first + 1 / np.log2(3)) / 2)
    assert ndcg_at_k(score, gain, requests, cutoff=1) == 0.0


def test_a_constant_score_earns_what_a_random_order_does() -> None:
    gain, requests = [1, 0, 0, 0], [0, 0, 0, 0]
    assert mrr(np.zeros(4), gain, requests) == pytest.approx((1 + 1 / 2 + 1 / 3 + 1 / 4) / 4)
    assert ndcg_at_k(np.zeros(4), gain, requests, cutoff=1) == pytest.approx(1 / 4)


def test_a_large_tie_keeps_its_precision() -> None:
    size = 3000
    gain = np.zeros(size)
    gain[5] = 1.0
    expected = (1.0 / np.arange(1, size + 1)).mean()
    assert mrr(np.zeros(size), gain, np.zeros(size, dtype=int)) == pytest.approx(expected, rel=1e-9)


def test_requests_without_a_relevant_row_are_marked_and_left_out() -> None:
    ranked = rank_requests([1.0, 2.0, 3.0], [0, 0, 1])
    values, best = ndcg_per_request(ranked, [0, 0, 1], cutoff=5)
    assert values.tolist() == [0.0, 1.0]
    assert (best > 0).tolist() == [False, True]
    assert reciprocal_rank_per_request(ranked, [0, 0, 1])[1].tolist() == [0.0, 1.0]
    assert ndcg_at_k([1.0], [0.0], [0], cutoff=5) is None
    assert mrr([1.0], [0.0], [0]) is None
    assert ndcg_at_k([], [], np.zeros(0, dtype=int), cutoff=5) is None
    assert mrr([], [], np.zeros(0, dtype=int)) is None


def test_weights_multiply_gains_and_weigh_requests() -> None:
    requests, score, gain = [0, 0, 1, 1], [2.0, 1.0, 2.0, 1.0], [1, 1, 0, 1]
    weight = np.array([1.0, 3.0, 4.0, 8.0])
    second = 1 / np.log2(3)
    first = (1 + 3 * second) / (3 + second)
    expected = (2 * first + 6 * second) / 8
    assert ndcg_at_k(score, gain, requests, cutoff=5, weight=weight) == pytest.approx(expected, abs=1e-12)
    assert mrr(score, gain, requests, weight=weight) == pytest.approx((2 * 1.0 + 6 * 0.5) / 8, abs=1e-12)


def test_dwell_gain_is_zero_where_nothing_was_opened() -> None:
    assert dwell_gain([np.nan, 0.0, np.e - 1], [False, True, True]).tolist() == [0.0, 0.0, 1.0]


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match="cutoff is 0"):
        ndcg_at_k([1.0], [1.0], [0], cutoff=0)
    with pytest.raises(ValueError, match="negative values; a gain is >= 0"):
        mrr([1.0], [-1.0], [0])
    with pytest.raises(ValueError, match="requests holds float64"):
        mrr([1.0], [1.0], [0.5])


def test_requests_of_one_row_do_not_count_as_perfectly_ordered():
    bootstrap = ClusterBootstrap(num_resamples=0)
    single = ranking_metrics(
        [0.3, 0.1], {"click": [1.0, 0.0]}, requests=[0, 1], users=[0, 1], cutoffs=[5], bootstrap=bootstrap
    )
    assert [each.value for each in single] == [1.0, None, None]  # the AUC is over all rows
    assert "undefined: no requests with a relevant row among several" in single[1].note
    mixed = ranking_metrics(
        [0.3, 0.1, 0.9],
        {"click": [0.0, 1.0, 1.0]},
        requests=[0, 0, 1],
        users=[0, 0, 1],
        cutoffs=[5],
        bootstrap=bootstrap,
    )
    assert {each.name: each.n for each in mixed} == {"ranking/auc": 3, "ranking/ndcg@5": 1, "ranking/mrr": 1}
    assert mixed[2].value == 0.5


def test_the_score_is_held_against_clicks_over_all_rows_with_a_known_click():
    score, click = [0.9, 0.2, 0.4, 0.4, 7.0], [1.0, 0.0, 1.0, 0.0, np.nan]
    weight = [1.0, 2.0, 3.0, 4.0, 5.0]
    found = ranking_metrics(
        score,
        {"click": click},
        requests=[0, 0, 1, 1, 1],
        users=[0, 0, 1, 1, 1],
        cutoffs=[1],
        weight=weight,
        bootstrap=ClusterBootstrap(num_resamples=0),
    )
    values = {each.name: (each.value, each.n) for each in found}
    assert values["ranking/auc"] == (pytest.approx(3.5 / 4), 4)  # 2 + 1 + 1/2 of 4 pairs
    pairs = 1 * (2 + 4) + 3 * (2 + 4 / 2)
    assert values["ranking/auc/ipw"] == (pytest.approx(pairs / ((1 + 3) * (2 + 4))), 4)


def test_requests_with_a_row_of_unknown_worth_are_left_out_and_counted():
    found = ranking_metrics(
        [0.3, 0.1, 0.2, 0.9],
        {"dwell": [0.0, 1.0, np.nan, 1.0]},
        requests=[0, 0, 1, 1],
        users=[0, 0, 1, 1],
        cutoffs=[5],
        bootstrap=ClusterBootstrap(num_resamples=0),
    )
    (ndcg,) = found
    assert ndcg.n == 1
    assert ndcg.value == pytest.approx(1.0 / np.log2(3.0))
    assert "1 that hold a row of unknown worth" in ndcg.note
