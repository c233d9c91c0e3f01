from __future__ import annotations

import math

import numpy as np
import pytest

from holdfast.simulation.calibration import activity_slopes, constant_hazard, return_hazard


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


def test_one_hazard_for_all_by_hand():
    # of 8, 4 come back after a day; of the 4 left, 1 after two: 5 of 12
    found = constant_hazard(np.array([0.5, 0.25]), np.array([8, 4]))
    assert found.hazard == pytest.approx(5 / 12)
    assert found.still_away == pytest.approx((7 / 12) ** 2)
    ratios = [0.5 * math.log(0.5 * 12 / 5) + 0.5 * math.log(0.5 * 12 / 7)]
    ratios.append(0.25 * math.log(0.25 * 12 / 5) + 0.75 * math.log(0.75 * 12 / 7))
    assert found.misfit == pytest.approx(2 * (8 * ratios[0] + 4 * ratios[1]))


def test_a_true_constant_is_not_rejected_and_a_mixture_is():
    draw = np.random.default_rng(1)
    for chance, rejected in ((np.full((4000, 1), 0.3), False), (draw.beta(0.68, 0.3, (4000, 1)), True)):
        user, day = np.nonzero(draw.random((4000, 30)) < chance)
        found = constant_hazard(*return_hazard(user, day, end_day=30, longest_gap=6))
        # chi-square with 5 degrees of freedom: beyond 25 once in 7000 times
        assert (found.misfit > 25.0) == rejected


def test_slopes_tell_who_from_what():
    """Lively users come back more; what one of them does on a day does not matter."""
    draw = np.random.default_rng(0)
    lively = draw.standard_normal(1500)[:, None]
    active = draw.random((1500, 40)) < 1 / (1 + np.exp(-lively))
    amount = np.expm1(np.maximum(2.0 + 0.5 * lively + 0.5 * draw.standard_normal((1500, 40)), 0.1))
    user, day = np.nonzero(active)
    found = activity_slopes(user, day, amount[user, day], end_day=40)
    assert found.pooled > 0.08
    assert abs(found.within) < 0.02


def test_slopes_by_hand():
    # log(1 + amount) is 1 on the days before a return and 0 on the others; the last day is not counted
    user, day = np.array([1, 1, 1, 1, 1]), np.array([0, 1, 3, 4, 9])
    amount = np.array([math.e - 1, 0.0, math.e - 1, 0.0, 7.0])
    found = activity_slopes(user, day, amount, end_day=10, least_days=4)
    assert found.pooled == pytest.approx(1.0)
    assert found.within == pytest.approx(1.0)
