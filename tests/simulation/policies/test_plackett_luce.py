from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from holdfast.simulation.policies.plackett_luce import (
    PlackettLuce,
    capped_weights,
    chance_given_earlier,
    drawn_by_weight,
    exponential_clocks,
)
from holdfast.simulation.policy import Requests, Slates, check_slates

Make = Callable[..., Requests]


def drawn(scores: list[float], requests: Requests, *, temperature: float = 1.0) -> Slates:
    everybody = np.broadcast_to(scores, requests.candidates.shape)[None]
    return PlackettLuce(temperature=temperature).slates(everybody, requests)


def test_chances_given_the_earlier_slots_by_hand():
    found = chance_given_earlier(np.array([[5.0, 3.0, 2.0, 0.0]]), np.array([[1, 2, 0]]))
    np.testing.assert_allclose(found, [[3 / 10, 2 / 7, 1.0]], rtol=1e-15)


def test_small_weights_are_not_cancelled_away():
    found = chance_given_earlier(np.array([[1.0, 3e-30, 1e-30]]), np.array([[0, 1, 2]]))
    np.testing.assert_allclose(found, [[1.0, 0.75, 1.0]], rtol=1e-15)


def test_cold_is_greedy_and_hot_is_uniform(requests_for: Make):
    requests = requests_for(2000, candidates=(3, 9, 4, 7), num_slots=4)
    cold = drawn([0.1, 0.4, 0.2, 0.3], requests, temperature=1e-4)
    assert (cold.position == [1, 3, 2, 0]).all()
    np.testing.assert_allclose(cold.propensity, 1.0, atol=1e-7)
    hot = drawn([0.1, 0.4, 0.2, 0.3], requests, temperature=1e6)
    np.testing.assert_allclose(hot.propensity, 0.25, rtol=1e-5)
    np.testing.assert_allclose(hot.slate_propensity, 1 / 24, rtol=1e-5)


def test_a_common_offset_of_the_scores_does_not_matter(requests_for: Make):
    requests = requests_for(500)
    one = drawn([1.0, 2.0, 3.0, 0.0, 1.5], requests)
    other = drawn([1001.0, 1002.0, 1003.0, 1000.0, 1001.5], requests)
    np.testing.assert_array_equal(one.position, other.position)
    np.testing.assert_allclose(one.slate_propensity, other.slate_propensity, rtol=1e-12)


def test_no_gap_is_so_large_that_a_chance_is_zero(requests_for: Make):
    requests = requests_for(50, num_slots=5)
    slates = drawn([0.0, 1.7e308, -1.7e308, 5e4, -30.0], requests)
    check_slates(slates, requests, policy="p@1")
    assert (slates.position == [1, 3, 0, 4, 2]).all()
    np.testing.assert_allclose(slates.propensity, 1.0, atol=1e-7)


def test_weights_are_a_softmax_until_scores_are_very_far_apart():
    scores = np.array([[0.3, -1.0, 2.5, 0.0]])
    weights = capped_weights(scores, temperature=0.5)
    np.testing.assert_allclose(weights, np.exp((scores - 2.5) / 0.5))
    far = capped_weights(np.arange(30.0)[None, ::-1], temperature=0.01)
    expected = np.exp(-np.minimum(20.0 * np.arange(30.0), 400.0))
    np.testing.assert_allclose(far[0], expected)


def test_several_scorers_count_by_their_mean(requests_for: Make):
    requests = requests_for(200)
    scores = np.random.default_rng(0).standard_normal((3, 200, 5))
    policy = PlackettLuce(temperature=0.7)
    together, mean = policy.slates(scores, requests), policy.slates(scores.mean(axis=0)[None], requests)
    np.testing.assert_array_equal(together.position, mean.position)


def test_what_has_no_weight_never_rings(requests_for: Make):
    clock = exponential_clocks(np.array([[0.5, 0.5, 1.0]]), np.array([[2.0, 0.0, 4.0]]))
    np.testing.assert_allclose(clock, [[np.log(2) / 2, np.inf, 0.0]])
    requests = requests_for(3000, num_slots=3)
    weights = np.tile([1.0, 0.0, 1.0, 0.0, 1e-9], (3000, 1))
    assert set(np.unique(drawn_by_weight(weights, requests).position)) == {0, 2, 4}


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan"), float("inf")])
def test_temperature_is_above_zero(temperature: float):
    with pytest.raises(ValueError, match="temperature is"):
        PlackettLuce(temperature=temperature)
