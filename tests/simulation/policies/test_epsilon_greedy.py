from __future__ import annotations

from collections.abc import Callable
from itertools import permutations

import numpy as np
import pytest
from scipy import stats

from holdfast.simulation.policies.epsilon_greedy import EpsilonGreedySlates
from holdfast.simulation.policies.scored import ScoredPolicy
from holdfast.simulation.policy import ItemScores, Requests

Make = Callable[..., Requests]
# The number of an item is its score.
SCORER = ItemScores(scores=np.arange(40.0))


def policy(epsilon: float) -> ScoredPolicy:
    return ScoredPolicy(exploration=EpsilonGreedySlates(epsilon=epsilon), scorers=(SCORER,))


def test_frequencies_agree_with_item_propensities(requests_for: Make):
    """250,000 requests, 8 candidates, 3 slots; a chi-square a slot, p above 1e-4 (chosen beforehand)."""
    num, epsilon = 250_000, 0.3
    slates = policy(epsilon).choose(requests_for(num, candidates=(3, 9, 4, 7, 1, 20, 15, 2), num_slots=3))
    greedy = np.array([5, 6, 1])
    for slot in range(3):
        counts = np.bincount(slates.position[:, slot], minlength=8)
        expected = np.full(8, epsilon / 8)
        expected[greedy[slot]] += 1.0 - epsilon
        assert stats.chisquare(counts, num * expected).pvalue > 1e-4
        assert np.allclose(slates.propensity[:, slot], expected[slates.position[:, slot]])


def test_frequencies_agree_with_slate_propensities(requests_for: Make):
    """250,000 requests, all 20 ordered slates of 2 out of 5, of which one is greedy."""
    num, epsilon = 250_000, 0.5
    slates = policy(epsilon).choose(requests_for(num, candidates=(3, 9, 4, 7, 1), num_slots=2, seed=5))
    all_slates = list(permutations(range(5), 2))
    counts = [(slates.position == slate).all(axis=1).sum() for slate in all_slates]
    expected = np.array([epsilon / 20 + (1 - epsilon) * (slate == (1, 3)) for slate in all_slates])
    assert expected.sum() == pytest.approx(1.0)
    assert stats.chisquare(counts, num * expected).pvalue > 1e-4
    for slate, probability in zip(all_slates, expected, strict=True):
        shown = (slates.position == slate).all(axis=1)
        assert np.allclose(slates.slate_propensity[shown], probability)


def test_without_exploration_the_best_are_shown_in_order(requests_for: Make):
    slates = policy(0.0).choose(requests_for(50, candidates=(3, 9, 4, 7), num_slots=4))
    assert (slates.position == [1, 3, 2, 0]).all()
    assert (slates.propensity == 1.0).all()
    assert (slates.slate_propensity == 1.0).all()
