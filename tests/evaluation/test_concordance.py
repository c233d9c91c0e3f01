from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from holdfast.evaluation.concordance import prepare_xauc, xauc


def by_pairs(predicted: np.ndarray, value: np.ndarray, event: np.ndarray, weight: np.ndarray) -> float | None:
    """All pairs, one by one: the definition."""
    agree = total = 0.0
    for i in range(len(value)):
        for j in range(len(value)):
            if value[i] < value[j] and event[i]:
                pair = weight[i] * weight[j]
                total += pair
                agree += pair * (1.0 if predicted[i] < predicted[j] else 0.5 * (predicted[i] == predicted[j]))
    return agree / total if total > 0 else None


@settings(max_examples=60, deadline=None)
@given(
    size=st.integers(0, 40),
    num_scores=st.integers(1, 40),
    num_values=st.integers(1, 40),
    seed=st.integers(0, 10_000),
)
def test_agrees_with_all_pairs(size: int, num_scores: int, num_values: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    predicted = rng.integers(0, num_scores, size=size) / 7.0
    value = rng.integers(0, num_values, size=size) * 1.5
    event, weight = rng.random(size) < 0.7, rng.integers(0, 4, size=size) * 0.3
    everyone = np.ones(size, dtype=bool)
    for ends, counts in ((everyone, np.ones(size)), (event, np.ones(size)), (event, weight)):
        expected = by_pairs(predicted, value, ends, counts)
        found = xauc(predicted, value, event=ends, weight=counts)
        assert (found is None) == (expected is None)
        if found is not None:
            assert found == pytest.approx(expected, abs=1e-12)
            assert prepare_xauc(predicted, value, ends)(counts) == pytest.approx(expected, abs=1e-12)


def test_agrees_with_all_pairs_on_more_rows_without_ties() -> None:
    rng = np.random.default_rng(0)
    value = rng.lognormal(size=300)
    predicted = value * rng.lognormal(size=300)
    event = rng.random(300) < 0.6
    expected = by_pairs(predicted, value, event, np.ones(300))
    assert xauc(predicted, value, event=event) == pytest.approx(expected, abs=1e-12)


def test_is_the_auc_where_the_outcome_is_binary() -> None:
    rng = np.random.default_rng(1)
    score, label = rng.integers(0, 9, size=500).astype(float), rng.integers(0, 2, size=500)
    assert xauc(score, label) == pytest.approx(roc_auc_score(label, score), abs=1e-12)


def test_a_pair_counts_only_if_the_shorter_one_ended() -> None:
    # The 10 s are a lower bound: whether that dwell is shorter than 20 s, nobody knows.
    assert xauc([2.0, 1.0, 3.0], [10.0, 20.0, 30.0], event=[False, True, True]) == 1.0
    assert xauc([2.0, 1.0, 3.0], [10.0, 20.0, 30.0]) == pytest.approx(2 / 3)


def test_no_comparable_pair_has_no_value() -> None:
    assert xauc([], []) is None
    assert xauc([1.0, 2.0], [5.0, 5.0]) is None
    assert xauc([1.0, 2.0], [5.0, 6.0], event=[False, True]) is None
    assert xauc([1.0, 2.0], [5.0, 6.0], weight=[0.0, 1.0]) is None
