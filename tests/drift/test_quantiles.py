"""Where a value stands in its column."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import rankdata

from holdfast.drift.quantiles import MOST_RANKED, quantile_of


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


def test_rows_in_the_order_of_slots_do_not_hide_a_slot_from_it():
    # Slates of two: what lies in the second slot is larger, and every second row would be one slot.
    first, second = np.random.default_rng(0).random((2, 20_000))
    values = np.stack([first, 1.0 + second], axis=1).ravel()
    found = quantile_of(values)
    expected = (rankdata(values) - 0.5) / len(values)
    assert np.abs(found - expected).max() < 0.01


@pytest.mark.parametrize("slots", [2, 3, 10])
def test_of_more_values_than_are_ranked_one_by_one_a_sample_is_drawn_that_does_not_follow_slots(slots):
    values = (np.arange(slots) + np.random.default_rng(1).random((60_000, slots))).ravel()
    assert len(values) > MOST_RANKED
    found = quantile_of(values)
    expected = (rankdata(values) - 0.5) / len(values)
    # The largest distance of an empirical distribution of 20,000 is above .015 once in 4,000 times.
    assert np.abs(found - expected).max() < 0.015
    np.testing.assert_array_equal(found, quantile_of(values))


def test_a_large_column_of_few_values_has_its_ties_in_the_middle():
    values = np.tile([0.0, 0.0, 1.0, 5.0], MOST_RANKED // 2)
    found = quantile_of(values)
    np.testing.assert_allclose(found[[0, 2, 3]], [0.25, 0.625, 0.875], atol=0.015)
