from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from scipy import stats

from holdfast.simulation.candidates import candidate_weights, draw_candidates
from holdfast.simulation.draws import draws


def test_weights_halve_with_age_and_are_zero_before_birth():
    found = candidate_weights(np.array([5, 6, 3, -5]), day=5, half_life_days=2.0)
    assert np.allclose(found, [1.0, 0.0, 0.5, 2.0**-5])


def test_candidates_differ_and_are_alive():
    weights = np.r_[np.zeros(3), np.ones(10), 1000.0]
    found = draw_candidates(np.arange(500), weights, num_candidates=8, chance=draws(0, "c"), day=1)
    assert found.shape == (500, 8)
    assert found.min() >= 3
    assert all(len(set(row)) == 8 for row in found.tolist())
    # all eleven that can be drawn: every row is a permutation of them, however rare the last one is
    everything = draw_candidates(np.arange(200), weights, num_candidates=11, chance=draws(0, "c"), day=1)
    assert np.array_equal(np.sort(everything, axis=1), np.tile(np.arange(3, 14), (200, 1)))


def test_order_follows_the_law_of_drawing_without_replacement():
    weights = np.array([1.0, 2.0, 5.0, 0.5])
    num_draws = 100_000
    found = draw_candidates(np.arange(num_draws), weights, num_candidates=2, chance=draws(2, "c"), day=0)
    total = weights.sum()
    pairs = list(permutations(range(4), 2))
    expected = np.array([weights[a] / total * weights[b] / (total - weights[a]) for a, b in pairs])
    observed = [((found[:, 0] == a) & (found[:, 1] == b)).sum() for a, b in pairs]
    assert stats.chisquare(observed, num_draws * expected).pvalue > 1e-4


def test_who_else_asks_does_not_matter():
    weights = np.linspace(0.1, 3.0, 50)
    together = draw_candidates(np.arange(40), weights, num_candidates=12, chance=draws(0, "c"), day=0)
    alone = draw_candidates(np.array([17]), weights, num_candidates=12, chance=draws(0, "c"), day=0)
    assert np.array_equal(alone[0], together[17])


def test_too_few_items_are_named():
    with pytest.raises(ValueError, match="only 2 items are alive on day 9, and a request needs candidates=3"):
        draw_candidates(
            np.arange(4), np.array([1.0, 0.0, 1.0]), num_candidates=3, chance=draws(0, "c"), day=9
        )
