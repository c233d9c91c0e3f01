"""scipy is the oracle; of the Kolmogorov-Smirnov distance of few values, its definition."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from holdfast.monitoring.empirical import (
    ks_interval,
    ks_p_value,
    ks_statistic,
    ks_test,
    wasserstein,
    weighted_wasserstein,
)

VALUES = st.lists(
    st.one_of(st.integers(-3, 3).map(float), st.floats(-1e6, 1e6, width=32)), min_size=1, max_size=80
)


@settings(max_examples=150, deadline=None)
@given(VALUES, VALUES, st.integers(1, 70))
def test_distances_are_those_of_their_definitions(before, now, step):
    before, now = np.sort(np.array(before)), np.sort(np.array(now))
    both = np.concatenate([before, now])
    expected = np.abs((before[:, None] <= both).mean(axis=0) - (now[:, None] <= both).mean(axis=0)).max()
    assert ks_statistic(before, now, step=step) == pytest.approx(expected, abs=1e-12)
    scale = max(1.0, np.abs(before).max(), np.abs(now).max())
    assert wasserstein(before, now) == pytest.approx(
        stats.wasserstein_distance(before, now), abs=1e-9 * scale
    )


@settings(max_examples=100, deadline=None)
@given(VALUES, VALUES, st.integers(0, 10))
def test_weighted_wasserstein_is_scipys(before, now, seed):
    before, now = np.sort(np.array(before)), np.sort(np.array(now))
    weights = np.random.default_rng(seed).integers(0, 4, len(before)) + (np.arange(len(before)) == 0)
    expected = stats.wasserstein_distance(before, now, u_weights=weights)
    scale = max(1.0, np.abs(before).max(), np.abs(now).max())
    assert weighted_wasserstein(before, weights, now) == pytest.approx(expected, abs=1e-9 * scale)


def test_large_samples_of_unequal_size_agree_with_scipy():
    draws = np.random.default_rng(0)
    before, now = np.sort(draws.normal(size=50_000)), np.sort(draws.normal(0.02, 1.1, size=33_333))
    assert ks_statistic(before, now) == pytest.approx(stats.ks_2samp(before, now).statistic, abs=1e-12)
    assert wasserstein(before, now) == pytest.approx(stats.wasserstein_distance(before, now), rel=1e-9)


@pytest.mark.parametrize(("n", "m"), [(20, 30), (400, 900), (5000, 8000)])
def test_ks_p_value_is_scipys(n, m):
    draws = np.random.default_rng(n)
    before, now = np.sort(draws.normal(size=n)), np.sort(draws.normal(0.05, 1, size=m))
    method = "exact" if n * m <= 1_000_000 else "asymp"
    expected = stats.ks_2samp(before, now, method=method)
    assert ks_test(before, now)[1] == pytest.approx(expected.pvalue, rel=1e-9)


def test_p_values_of_the_fewest_values_are_numbers():
    """One value a side has an effective size of one half, which rounds to none."""
    for n, m in [(1, 1), (1, 2), (1, 2000), (5, 5)]:
        assert ks_test(np.zeros(n), np.arange(m) + 1.0)[1] == pytest.approx(
            stats.ks_2samp(np.zeros(n), np.ones(m), method="exact").pvalue
        )
        assert ks_p_value(1.0, num_reference=n, num_current=m) <= 1.0
    assert ks_p_value(1.0, num_reference=1, num_current=1) >= 0.0


@pytest.mark.parametrize("scaled", [0.3, 0.8, 1.3, 2.0])
def test_limit_law_of_many_values_is_scipys(scaled):
    effective = 200_000
    distance = scaled / np.sqrt(effective)
    expected = stats.kstwo.sf(distance, effective)
    got = ks_p_value(distance, num_reference=2 * effective, num_current=2 * effective)
    assert got == pytest.approx(expected, rel=1e-3)


def test_interval_holds_the_true_distance():
    draws = np.random.default_rng(5)
    truth = stats.norm.cdf(0.25) - stats.norm.cdf(-0.25)  # sup of |Phi(x) - Phi(x - 0.5)|
    held = 0
    for _ in range(100):
        before, now = np.sort(draws.normal(size=300)), np.sort(draws.normal(0.5, 1, size=300))
        low, high = ks_interval(ks_statistic(before, now), num_reference=300, num_current=300)
        held += low <= truth <= high
    assert held >= 95


def test_an_empty_side_is_refused():
    with pytest.raises(ValueError, match="values on both sides; found 0 in the reference"):
        ks_statistic(np.zeros(0), np.ones(3))
    with pytest.raises(ValueError, match="0 in the window"):
        wasserstein(np.ones(3), np.zeros(0))
