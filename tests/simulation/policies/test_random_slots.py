from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from holdfast.simulation.policies.random_slots import RandomSlots
from holdfast.simulation.policy import Requests, Slates

Make = Callable[..., Requests]
# Best to worst: candidates 3, 0, 4, 1, 2.
SCORES = [0.8, 0.2, 0.1, 0.9, 0.5]


def shown(exploration: RandomSlots, requests: Requests) -> Slates:
    return exploration.slates(np.broadcast_to(SCORES, requests.candidates.shape)[None], requests)


def test_the_last_slots_by_hand(requests_for: Make):
    slates = shown(RandomSlots(num_random=2, where="last"), requests_for(3000, num_slots=3))
    assert (slates.position[:, 0] == 3).all()
    assert set(map(tuple, slates.position[:, 1:].tolist())) == {
        (one, other) for one in (0, 1, 2, 4) for other in (0, 1, 2, 4) if one != other
    }
    np.testing.assert_allclose(slates.propensity, [[1.0, 0.25, 0.25]] * 3000)
    np.testing.assert_allclose(slates.slate_propensity, 1 / 12)


def test_anywhere_by_hand(requests_for: Make):
    """Of three slots one is random: the best is first unless the random slot is, and so on."""
    slates = shown(RandomSlots(num_random=1, where="anywhere"), requests_for(3000, num_slots=3))
    logged = {(3, 0): 2 / 3, (3, 1): 1 / 3, (0, 1): 1 / 3, (0, 2): 2 / 3}
    for slot in range(3):
        for candidate in np.unique(slates.position[:, slot]):
            here = slates.position[:, slot] == candidate
            expected = logged[candidate, slot] if candidate in (0, 3) else 1 / 9
            np.testing.assert_allclose(slates.propensity[here, slot], expected)
    np.testing.assert_allclose(slates.slate_propensity, 1 / 9)
    # The best come in order, and every slate has one other.
    place = np.argsort(slates.position == 3, axis=1)[:, -1] < np.argsort(slates.position == 0, axis=1)[:, -1]
    assert place.all()
    assert (np.isin(slates.position, (0, 3)).sum(axis=1) == 2).all()


@pytest.mark.parametrize("where", ["last", "anywhere"])
def test_no_random_slot_is_greedy_and_only_random_ones_are_uniform(where: Any, requests_for: Make):
    requests = requests_for(200, num_slots=3)
    greedy = shown(RandomSlots(num_random=0, where=where), requests)
    assert (greedy.position == [3, 0, 4]).all()
    assert (greedy.propensity == 1.0).all()
    assert (greedy.slate_propensity == 1.0).all()
    chance = shown(RandomSlots(num_random=3, where=where), requests)
    np.testing.assert_allclose(chance.propensity, 1 / 5)
    np.testing.assert_allclose(chance.slate_propensity, 1 / 60)


def test_more_random_slots_than_slots_are_refused(requests_for: Make):
    with pytest.raises(
        ValueError, match=r"random_slots\(3,last\) on day 4: num_random is 3, and there are 2"
    ):
        shown(RandomSlots(num_random=3, where="last"), requests_for(1, num_slots=2))


@pytest.mark.parametrize("fields", [{"num_random": -1}, {"where": "middle"}])
def test_impossible_settings_are_refused(fields: dict[str, Any]):
    with pytest.raises(ValueError, match=f"{next(iter(fields))} is"):
        RandomSlots(**fields)
