from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.simulation.diversity import coverage, gini, topic_entropy, user_concentration


def test_coverage_by_hand():
    assert coverage(np.array([3, 0, 1, 0])) == 0.5
    assert np.isnan(coverage(np.array([], dtype=int)))


@pytest.mark.parametrize(
    ("shows", "expected"),
    [([5, 5, 5], 0.0), ([0, 0, 0, 8], 0.75), ([1, 3], 0.25), ([1, 2, 3, 4], 0.25)],
)
def test_gini_by_hand(shows: list[int], expected: float):
    assert gini(np.array(shows)) == pytest.approx(expected)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 20), min_size=1, max_size=12).filter(any))
def test_gini_is_the_mean_difference_of_all_pairs(shows: list[int]):
    values = np.array(shows)
    differences = np.abs(values[:, None] - values[None, :]).mean()
    assert gini(values) == pytest.approx(differences / (2 * values.mean()))


def test_topic_entropy_by_hand():
    assert topic_entropy(np.array([7, 7, 7, 7])) == pytest.approx(1.0)
    assert topic_entropy(np.array([0, 9, 0])) == 0.0
    assert topic_entropy(np.array([2, 2, 0, 0])) == pytest.approx(0.5)


def test_nothing_shown_has_no_diversity():
    assert np.isnan(gini(np.zeros(3, dtype=int)))
    assert np.isnan(topic_entropy(np.zeros(3, dtype=int)))
    nobody = np.zeros(0, dtype=int)
    assert np.isnan(user_concentration(nobody, nobody, num_topics=3))
    assert np.isnan(user_concentration(np.array([4]), np.array([1]), num_topics=3))


def test_user_concentration_by_hand():
    """User 9: topics 0 0 1, one pair of three; user 4: 2 2, all pairs; user 7: one impression, left out."""
    user, topic = np.array([9, 4, 9, 9, 4, 7]), np.array([0, 2, 1, 0, 2, 1])
    assert user_concentration(user, topic, num_topics=3) == pytest.approx((1 / 3 + 1) / 2)


def test_concentration_does_not_fall_because_more_is_shown():
    """Random topics among four: 1/4, for 6 impressions as for 60; standard error below 0.002."""
    draw = np.random.default_rng(0)
    for shown in (6, 60):
        user = np.repeat(np.arange(4000), shown)
        found = user_concentration(user, draw.integers(0, 4, len(user)), num_topics=4)
        assert found == pytest.approx(0.25, abs=0.008)
