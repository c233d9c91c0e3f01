from __future__ import annotations

import numpy as np

from holdfast.simulation.calibration import return_hazard


def test_hazard_by_hand_with_censoring():
    # user 1: days 0, 1, 4; user 2: day 2 (twice), then never; the log ends before day 5
    user = np.array([1, 2, 1, 2, 1])
    day = np.array([0, 2, 1, 2, 4])
    hazard, at_risk = return_hazard(user, day, end_day=5, longest_gap=4)
    # spells: gap 1; gap 3; cut off after 0 days (day 4); cut off after 2 days (user 2)
    assert at_risk.tolist() == [3, 2, 1, 0]
    assert np.allclose(hazard, [1 / 3, 0.0, 1.0, np.nan], equal_nan=True)


def test_a_constant_hazard_is_found_whatever_is_cut_off():
    draw = np.random.default_rng(0)
    active = draw.random((4000, 30)) < 0.3
    user, day = np.nonzero(active)
    hazard, at_risk = return_hazard(user, day, end_day=30, longest_gap=6)
    assert (np.abs(hazard - 0.3) < 4 * np.sqrt(0.21 / at_risk)).all()
