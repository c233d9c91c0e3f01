from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from holdfast.core.arrays import Floats
from holdfast.simulation.policies.rank_chances import item_in_slot_chance


def enumerated(weights: Floats, num_slots: int) -> Floats:
    """Chance of every candidate in every slot ``[C, K]``, by adding up all ordered slates."""
    chance = np.zeros((len(weights), num_slots))
    for slate in permutations(range(len(weights)), num_slots):
        left, product = weights.sum(), 1.0
        for earlier, item in enumerate(slate):
            product *= weights[item] / sum(weights[list(set(range(len(weights))) - set(slate[:earlier]))])
        assert left > 0
        for slot, item in enumerate(slate):
            chance[item, slot] += product
    return chance


@pytest.mark.parametrize("spread", [0.0, 1.0, 6.0])
@pytest.mark.parametrize(("num_candidates", "num_slots"), [(2, 2), (5, 1), (5, 3), (6, 6)])
def test_it_is_the_sum_over_all_slates(num_candidates: int, num_slots: int, spread: float):
    """To a part in a billion, also for chances of one in a billion."""
    draw = np.random.default_rng(num_candidates + num_slots)
    weights = np.exp(spread * draw.standard_normal(num_candidates))
    expected = enumerated(weights, num_slots)
    # Every candidate comes into every slot once: a Latin square of slates.
    position = (np.arange(num_slots) + np.arange(num_candidates)[:, None]) % num_candidates
    found = item_in_slot_chance(np.tile(weights, (num_candidates, 1)), position)
    np.testing.assert_allclose(found, expected[position, np.arange(num_slots)], rtol=1e-9)


def test_two_candidates_by_hand():
    found = item_in_slot_chance(np.array([[3.0, 1.0], [3.0, 1.0]]), np.array([[0, 1], [1, 0]]))
    np.testing.assert_allclose(found, [[0.75, 0.75], [0.25, 0.25]], rtol=1e-9)


def test_equal_weights_are_uniform_for_a_long_slate():
    position = np.arange(30)[None, :25]
    np.testing.assert_allclose(item_in_slot_chance(np.ones((1, 30)), position), 1 / 30, rtol=1e-9)


def test_the_scale_of_weights_does_not_matter():
    weights = np.array([[1.0, 5.0, 0.2, 2.0]])
    position = np.array([[2, 1, 0]])
    np.testing.assert_allclose(
        item_in_slot_chance(1e-30 * weights, position), item_in_slot_chance(weights, position), rtol=1e-9
    )


def test_candidates_without_weight_might_as_well_not_be_there():
    position = np.array([[2, 0, 1]])
    with_zero = item_in_slot_chance(np.array([[1.0, 5.0, 0.2, 0.0]]), position)
    without = item_in_slot_chance(np.array([[1.0, 5.0, 0.2]]), position)
    np.testing.assert_allclose(with_zero, without, rtol=1e-9)


def test_a_request_does_not_depend_on_the_others_of_its_batch():
    draw = np.random.default_rng(0)
    weights = np.exp(3.0 * draw.standard_normal((700, 9)))
    position = np.argsort(draw.random((700, 9)), axis=1)[:, :4]
    together = item_in_slot_chance(weights, position)
    for row in (0, 255, 256, 699):
        alone = item_in_slot_chance(weights[[row]], position[[row]])
        np.testing.assert_allclose(alone[0], together[row], rtol=1e-9)
