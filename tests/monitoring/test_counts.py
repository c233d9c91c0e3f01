import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial.distance import jensenshannon

from holdfast.monitoring.counts import (
    bin_counts,
    cramers_v,
    jensen_shannon,
    pooled_chi_square,
    population_stability_index,
    share_interval,
    share_test,
)

COUNTS = st.lists(st.tuples(st.integers(0, 500), st.integers(0, 500)), min_size=2, max_size=20)


@settings(max_examples=100, deadline=None)
@given(COUNTS)
def test_distances_are_those_of_scipy(cells):
    before, now = np.array(cells).T
    p, q = (before + 0.5) / (before + 0.5).sum(), (now + 0.5) / (now + 0.5).sum()
    expected = stats.entropy(p, q) + stats.entropy(q, p)
    assert population_stability_index(before, now) == pytest.approx(expected, abs=1e-10)
    if before.sum() and now.sum():
        expected = jensenshannon(before, now, base=2)
        assert jensen_shannon(before, now) == pytest.approx(expected, abs=1e-6)


def test_chi_square_without_rare_cells_is_scipys():
    before, now = np.array([500, 300, 200, 90]), np.array([480, 330, 170, 110])
    expected = stats.chi2_contingency(np.stack([before, now]), correction=False)
    got = pooled_chi_square(before, now)
    assert got.statistic == pytest.approx(expected.statistic, rel=1e-12)
    assert got.p_value == pytest.approx(expected.pvalue, rel=1e-12)
    assert got.degrees == expected.dof


def test_rare_cells_are_pooled():
    before, now = np.array([500, 300, 3, 2, 1, 2, 0, 1]), np.array([480, 330, 2, 3, 2, 0, 1, 1])
    expected = stats.chi2_contingency([[500, 300, 9], [480, 330, 9]], correction=False)
    assert pooled_chi_square(before, now).statistic == pytest.approx(expected.statistic, rel=1e-12)
    # A pool that is itself too small joins the rarest cell.
    alone = pooled_chi_square(np.array([500, 300, 1]), np.array([480, 330, 0]))
    joined = stats.chi2_contingency([[500, 301], [480, 330]], correction=False)
    assert alone.statistic == pytest.approx(joined.statistic, rel=1e-12)


def test_one_cell_or_no_rows_has_nothing_to_say():
    assert pooled_chi_square(np.array([5]), np.array([9])) == (0.0, 1.0, 0)
    assert pooled_chi_square(np.array([0, 0]), np.array([5, 9])).p_value == 1.0


@pytest.mark.parametrize(("num_categories", "num_rows"), [(1000, 10_000), (1000, 2000), (100, 2000)])
def test_many_categories_without_change_alarm_at_the_nominal_rate(num_categories, num_rows):
    draws = np.random.default_rng(num_categories + num_rows)
    chance = 1 / np.arange(1, num_categories + 1)
    chance /= chance.sum()
    p = np.array(
        [pooled_chi_square(*draws.multinomial(num_rows, chance, size=2)).p_value for _ in range(600)]
    )
    # 600 draws at 5 %: 99.9 % of the time between 13 and 51.
    assert 13 <= (p < 0.05).sum() <= 51


def test_effect_of_many_categories_is_not_biased():
    draws = np.random.default_rng(3)
    chance = np.full(500, 1 / 500)
    tests = [pooled_chi_square(*draws.multinomial(5000, chance, size=2)) for _ in range(50)]
    assert np.mean([cramers_v(test, num_rows=10_000) for test in tests]) < 0.05
    apart = pooled_chi_square(np.array([1000, 0]), np.array([0, 1000]))
    assert cramers_v(apart, num_rows=2000) == pytest.approx(1.0, abs=1e-3)


def test_bins_are_numpys():
    values = np.sort(np.array([0.0, 0.1, 0.5, 0.5, 1.0, 2.0, -1.0]))
    edges = np.array([0.0, 0.5, 1.0])
    assert bin_counts(values, edges).tolist() == np.histogram(values, edges)[0].tolist() == [2, 3]


def test_share_test_is_fishers_or_pearsons():
    difference, p_value = share_test((3, 40), (9, 50))
    assert difference == pytest.approx(9 / 50 - 3 / 40)
    assert p_value == pytest.approx(stats.fisher_exact([[3, 37], [9, 41]]).pvalue)
    expected = stats.chi2_contingency([[300, 9700], [350, 9650]], correction=False).pvalue
    assert share_test((300, 10_000), (350, 10_000))[1] == pytest.approx(expected, rel=1e-9)
    assert share_test((0, 0), (1, 5)) == (0.0, 1.0)


def test_share_interval_is_newcombes():
    # Newcombe (1998), method 10, example: 56/70 less 48/80 gives 0.0524 to 0.3339.
    low, high = share_interval((48, 80), (56, 70))
    assert (round(low, 4), round(high, 4)) == (0.0524, 0.3339)
