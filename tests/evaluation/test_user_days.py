from __future__ import annotations

import numpy as np
import pytest

from holdfast.evaluation.user_days import per_user_day


def test_mean_over_the_rows_by_hand() -> None:
    codes = np.array([5, 2, 5, 2, 9])
    found = per_user_day(codes, None, np.array([0.2, 1.0, 0.4, 0.0, 0.7]))
    assert codes[found.first_row].tolist() == [2, 5, 9]
    assert found.columns[0] == pytest.approx([0.5, 0.3, 0.7])
    assert found.weight.tolist() == [1.0, 1.0, 1.0]


def test_weights_weigh_the_rows_and_their_mean_the_user_day() -> None:
    codes, weight = np.array([0, 0, 1, 1]), np.array([1.0, 3.0, 0.0, 0.0])
    found = per_user_day(codes, weight, np.array([0.0, 1.0, 0.2, 0.4]))
    assert found.columns[0] == pytest.approx([0.75, 0.3])
    assert found.weight.tolist() == [2.0, 0.0]


def test_no_rows() -> None:
    found = per_user_day(np.zeros(0, dtype=int), None, np.zeros(0))
    assert found.weight.size == found.columns[0].size == found.first_row.size == 0


def test_a_shared_label_stays_exact() -> None:
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 50, size=1000)
    label = (codes % 3 == 0).astype(float)
    (mean,) = per_user_day(codes, rng.random(1000), label).columns
    assert set(mean.tolist()) == {0.0, 1.0}


def test_equal_predictions_stay_tied_whatever_the_number_of_rows():
    # A sum of 18 equal numbers over 18 is not always that number.
    codes = np.repeat(np.arange(40), np.arange(1, 41))
    for value in (0.7319, 0.1, 1.0 / 3.0):
        means = per_user_day(codes, None, np.full(codes.size, value)).columns[0]
        assert (means == value).all()
        weights = np.random.default_rng(0).random(codes.size)
        assert (per_user_day(codes, weights, np.full(codes.size, value)).columns[0] == value).all()
