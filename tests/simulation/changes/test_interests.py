from __future__ import annotations

import numpy as np

from holdfast.simulation.changes.interests import RotatingInterests

CHANGE = RotatingInterests(start_day=3, ramp_days=2, strength=1.0)
MIX = np.random.default_rng(0).dirichlet(np.ones(5), size=40)


def test_a_quarter_turn_moves_the_first_of_a_pair_to_the_second():
    assert CHANGE.seen_mix(MIX, 2) is MIX
    likes_the_first = np.array([1.0, 0.0, 0.0, 0.0, 0.0])
    found = CHANGE.seen_mix(MIX, 4) @ likes_the_first
    assert np.allclose(found, MIX[:, 1]), "who liked topic 0 now likes topic 1"
    assert np.allclose(CHANGE.seen_mix(MIX, 4)[:, 4], MIX[:, 4]), "the odd topic stays"


def test_tastes_keep_their_strength():
    half = CHANGE.seen_mix(MIX, 3)
    assert np.allclose(np.linalg.norm(half, axis=1), np.linalg.norm(MIX, axis=1))
    assert not np.allclose(half, MIX)
