from __future__ import annotations

import numpy as np

from holdfast.simulation.policies.random_slates import random_slates


def test_the_shuffle_by_hand():
    # Of 0 1 2 3: the third of four (2), then the last of 1 0 3 as they lie now (3), then the first of 0 1.
    assert random_slates(np.array([[0.6, 0.99, 0.1]]), num_candidates=4).tolist() == [[2, 3, 0]]


def test_a_number_that_was_rounded_to_one_is_the_last_candidate():
    assert random_slates(np.array([[1.0, 1.0, 1.0]]), num_candidates=3).tolist() == [[2, 0, 1]]


def test_every_slot_holds_another_candidate():
    position = random_slates(np.random.default_rng(0).random((500, 7)), num_candidates=7)
    assert (np.sort(position, axis=1) == np.arange(7)).all()
