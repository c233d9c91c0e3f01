from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from holdfast.evaluation.over_seeds import mean_over_seeds


def test_the_interval_is_that_of_students_t():
    values = np.array([1.0, 2.5, 0.5, 3.0, 2.0])
    found = mean_over_seeds(values, level=0.9)
    low, high = stats.t.interval(0.9, 4, loc=values.mean(), scale=stats.sem(values))
    assert (found.mean, found.low, found.high) == pytest.approx((1.8, low, high))
    assert found.num_seeds == 5


def test_by_hand_for_two_seeds():
    # s = sqrt(2), s / sqrt(2) = 1, and the 0.975 quantile of t with one degree of freedom is 12.706.
    found = mean_over_seeds(np.array([0.0, 2.0]), level=0.95)
    assert (found.low, found.high) == pytest.approx((1.0 - 12.7062, 1.0 + 12.7062), rel=1e-5)


def test_it_holds_the_mean_as_often_as_it_says():
    rng = np.random.default_rng(0)
    draws = rng.normal(3.0, 2.0, size=(2000, 4))
    found = [mean_over_seeds(row, level=0.8) for row in draws]
    held = np.mean([each.low <= 3.0 <= each.high for each in found])
    assert abs(held - 0.8) < 0.03


def test_one_seed_has_a_mean_and_no_interval_and_none_has_nothing():
    one = mean_over_seeds(np.array([2.0, np.nan]), level=0.95)
    assert (one.mean, one.num_seeds) == (2.0, 1)
    assert np.isnan([one.low, one.high]).all()
    none = mean_over_seeds(np.array([np.nan]), level=0.95)
    assert none.num_seeds == 0
    assert np.isnan([none.mean, none.low, none.high]).all()
