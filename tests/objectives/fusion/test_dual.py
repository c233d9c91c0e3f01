from __future__ import annotations

import numpy as np
import pytest

from holdfast.objectives.fusion.dual import solve_dual

GAIN = np.array([0.0, 0.5, 0.7, 1.0])
CLICKS = np.array([1.0, 0.8, 0.6, 0.0])


def test_by_hand():
    # At 0.7 the hull runs from (0.8, 0.5) to (0.6, 0.7) with slope -1: a click costs one return there.
    solution = solve_dual(GAIN, CLICKS, least=0.7)
    assert solution.chosen == 1
    assert solution.multiplier == pytest.approx(1.0)
    assert solution.bound == pytest.approx(0.6)
    assert solution.leading in (1, 2)


def test_a_floor_that_does_not_bind_costs_nothing():
    solution = solve_dual(GAIN, CLICKS, least=-1.0)
    assert (solution.chosen, solution.multiplier) == (3, 0.0)
    assert solution.bound == pytest.approx(1.0)


def test_a_floor_that_only_one_keeps():
    solution = solve_dual(GAIN, CLICKS, least=1.0)
    assert solution.chosen == 0
    assert solution.bound == pytest.approx(0.0)
    assert solution.multiplier == pytest.approx(2.5)  # from (1, 0) to (0.8, 0.5)


def test_an_infeasible_floor_has_no_choice_and_names_the_most_there_is():
    solution = solve_dual(GAIN, CLICKS, least=1.1)
    assert solution.chosen is None
    assert solution.leading == 0
    assert solution.multiplier == np.inf


def test_of_equal_gains_the_one_with_more_of_the_constrained():
    assert solve_dual(np.array([1.0, 1.0, 1.0]), np.array([0.5, 0.9, 0.7]), least=0.4).chosen == 1


def test_the_bound_is_the_least_over_a_fine_grid_of_multipliers():
    random = np.random.default_rng(0)
    for _ in range(20):
        gain, clicks = random.random(30), random.random(30)
        least = float(random.uniform(0.2, clicks.max()))
        solution = solve_dual(gain, clicks, least=least)
        grid = np.concatenate([np.linspace(0.0, 20.0, 20_001), [solution.multiplier]])
        values = (gain[:, None] + grid * (clicks[:, None] - least)).max(axis=0)
        assert solution.bound == pytest.approx(values.min(), abs=1e-9)
        feasible = clicks >= least
        assert feasible[solution.chosen]
        assert gain[solution.chosen] == gain[feasible].max() <= solution.bound + 1e-12
