from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from holdfast.simulation.policies.epsilon_greedy import EpsilonGreedySlates
from holdfast.simulation.policies.posterior_sampling import PosteriorSampling
from holdfast.simulation.policies.rankings import show_one_ranking
from holdfast.simulation.policies.uncertainty_bonus import UncertaintyBonus
from holdfast.simulation.policy import Requests

Make = Callable[..., Requests]


def test_rankings_that_agree_add_up(requests_for: Make):
    """Three members, two of whom show 1 first, and two of whom show 0 second."""
    requests = requests_for(4000, candidates=(3, 9, 4))
    rankings = np.repeat(np.array([[1, 0], [1, 2], [2, 0]])[:, None], 4000, axis=1)
    slates = show_one_ranking(rankings, requests, epsilon=0.0)
    assert set(map(tuple, slates.position.tolist())) == {(1, 0), (1, 2), (2, 0)}
    first = np.where(slates.position[:, 0] == 1, 2 / 3, 1 / 3)
    second = np.where(slates.position[:, 1] == 0, 2 / 3, 1 / 3)
    np.testing.assert_allclose(slates.propensity, np.column_stack([first, second]))
    np.testing.assert_allclose(slates.slate_propensity, 1 / 3)


def test_a_random_slate_may_be_a_ranking(requests_for: Make):
    requests = requests_for(4000, candidates=(3, 9, 4))
    rankings = np.repeat(np.array([[1, 0]])[:, None], 4000, axis=1)
    slates = show_one_ranking(rankings, requests, epsilon=0.3)
    same = (slates.position == [1, 0]).all(axis=1)
    np.testing.assert_allclose(slates.slate_propensity, np.where(same, 0.7 + 0.3 / 6, 0.3 / 6))
    half = slates.position[:, 0] == 1
    np.testing.assert_allclose(slates.propensity[:, 0], np.where(half, 0.7 + 0.1, 0.1))


def test_greedy_is_epsilon_zero(requests_for: Make):
    requests = requests_for(20, candidates=(3, 9, 4))
    scores = np.broadcast_to([0.2, 0.9, 0.9], (1, 20, 3))
    slates = EpsilonGreedySlates(epsilon=0.0).slates(scores, requests)
    assert (slates.position == [1, 2]).all(), "the earlier of equals is better"
    assert (slates.slate_propensity == 1.0).all()


def test_members_are_drawn_evenly_and_shown_whole(requests_for: Make):
    requests = requests_for(30_000, candidates=(3, 9, 4))
    scores = np.repeat(np.array([[3.0, 2.0, 1.0], [1.0, 2.0, 3.0]])[:, None], 30_000, axis=1)
    slates = PosteriorSampling(epsilon=0.0).slates(scores, requests)
    assert set(map(tuple, slates.position.tolist())) == {(0, 1), (2, 1)}
    assert abs((slates.position[:, 0] == 0).mean() - 0.5) < 0.015
    np.testing.assert_allclose(slates.propensity, [[0.5, 1.0]] * 30_000)


def test_the_bonus_goes_to_what_is_uncertain(requests_for: Make):
    """Means 2, 1.9, 0 and spreads 0, 1, 0."""
    requests = requests_for(5, candidates=(3, 9, 4))
    scores = np.repeat(np.array([[2.0, 0.9, 0.0], [2.0, 2.9, 0.0]])[:, None], 5, axis=1)
    hopeful = UncertaintyBonus(bonus=0.2, epsilon=0.0).slates(scores, requests)
    assert (hopeful.position == [1, 0]).all()
    assert (hopeful.propensity == 1.0).all()
    fearful = UncertaintyBonus(bonus=-0.2, epsilon=0.0).slates(scores, requests)
    assert (fearful.position == [0, 1]).all()


@pytest.mark.parametrize("kind", [EpsilonGreedySlates, PosteriorSampling, UncertaintyBonus])
@pytest.mark.parametrize("epsilon", [-0.1, 1.1, float("nan")])
def test_epsilon_is_a_probability(kind: type[EpsilonGreedySlates], epsilon: float):
    with pytest.raises(ValueError, match="epsilon is"):
        kind(epsilon=epsilon)


def test_the_bonus_is_finite():
    with pytest.raises(ValueError, match="bonus is inf"):
        UncertaintyBonus(bonus=float("inf"))
