"""Where a value stands in its column."""

from __future__ import annotations

import numpy as np
from scipy.stats import rankdata

from holdfast.drift.quantiles import quantile_of


def test_it_is_the_rank_to_about_a_hundredth():
    values = np.random.default_rng(0).lognormal(size=4001)
    expected = (rankdata(values) - 0.5) / len(values)
    assert np.abs(quantile_of(values) - expected).max() < 0.02


def test_ties_stand_in_their_middle():
    found = quantile_of(np.array([0.0] * 60 + [1.0] * 40))
    np.testing.assert_allclose(found[[0, -1]], [0.3, 0.8], atol=0.03)


def test_what_is_missing_has_no_place():
    found = quantile_of(np.array([np.nan, 1.0, np.inf, 2.0]))
    assert np.isnan(found[[0, 2]]).all()
    assert found[1] < found[3]
    assert np.isnan(quantile_of(np.array([np.nan]))).all()
