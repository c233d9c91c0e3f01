import numpy as np
import pytest
from scipy import stats

from holdfast.evaluation.off_policy.bounds import (
    clopper_pearson_weighted,
    empirical_bernstein,
    empirical_bernstein_ratio,
)


def test_empirical_bernstein_by_hand():
    low, high = empirical_bernstein(0.5, 0.04, num_rows=101, width=2.0, level=0.9)
    half = np.sqrt(2 * 0.04 * np.log(40.0) / 101) + 7 * 2.0 * np.log(40.0) / 300
    assert (low, high) == pytest.approx((0.5 - half, 0.5 + half))


def test_clopper_pearson_is_exact_where_weights_are_one():
    exact = stats.binomtest(37, 200).proportion_ci(0.95, method="exact")
    found = clopper_pearson_weighted(37 / 200, num_rows=200, largest_weight=1.0, level=0.95)
    assert found == pytest.approx((exact.low, exact.high), rel=1e-9)
    assert clopper_pearson_weighted(0.0, num_rows=50, largest_weight=1.0, level=0.95)[0] == 0.0
    assert clopper_pearson_weighted(1.0, num_rows=50, largest_weight=1.0, level=0.95)[1] == 1.0


def test_the_ratio_interval_is_where_the_mean_is_not_refuted():
    draw = np.random.default_rng(0)
    weight = draw.choice([0.2, 1.8], size=4000)
    reward = (draw.random(4000) < 0.3).astype(float)
    terms = weight * reward
    covariance = np.cov(terms, weight)
    low, high = empirical_bernstein_ratio(
        (terms.mean(), weight.mean()),
        (covariance[0, 0], covariance[0, 1], covariance[1, 1]),
        num_rows=4000,
        largest_weight=1.8,
        reward_range=(0.0, 1.0),
        level=0.95,
    )
    for value, side in ((low, 0), (high, 1)):
        moved = weight * (reward - value)
        ends = empirical_bernstein(moved.mean(), moved.var(ddof=1), num_rows=4000, width=1.8, level=0.95)
        assert ends[side] == pytest.approx(0.0, abs=1e-9)
    assert low < terms.sum() / weight.sum() < high


@pytest.mark.parametrize("kind", ["bernstein", "clopper"])
def test_bounds_cover_where_normal_intervals_do_not(kind):
    """Weights of 0 or 40 and rare rewards: 200 logs of 400 rows; 95 % intervals miss at most 5 %."""
    missed = 0
    for seed in range(200):
        draw = np.random.default_rng(seed)
        weight = 40.0 * (draw.random(400) < 1 / 40)
        reward = (draw.random(400) < 0.2).astype(float)
        terms = weight * reward
        if kind == "bernstein":
            low, high = empirical_bernstein(
                terms.mean(), terms.var(ddof=1), num_rows=400, width=40.0, level=0.95
            )
        else:
            low, high = clopper_pearson_weighted(terms.mean(), num_rows=400, largest_weight=40.0, level=0.95)
        missed += not low <= 0.2 <= high
    assert missed <= 10
