from __future__ import annotations

import itertools

import numpy as np
import pytest

from holdfast.evaluation.pareto import hypervolume, non_dominated, spread_out


def inclusion_exclusion(points: np.ndarray, reference: np.ndarray) -> float:
    """Volume of a union of boxes, by every subset of them."""
    total = 0.0
    above = np.clip(points - reference, 0.0, None)
    for size in range(1, len(points) + 1):
        for chosen in itertools.combinations(range(len(points)), size):
            total += (-1) ** (size + 1) * np.prod(above[list(chosen)].min(axis=0))
    return total


def test_by_hand_in_two_objectives():
    # Three steps of a staircase: 1 x 3, then 1 x 2, then 1 x 1.
    assert hypervolume([[1, 3], [2, 2], [3, 1]], reference=[0, 0]) == pytest.approx(6.0)
    assert hypervolume([[1, 3], [2, 2], [3, 1]], reference=[1, 1]) == pytest.approx(1.0)


def test_by_hand_in_three_objectives():
    # Two boxes of 2 x 1 x 1 and 1 x 2 x 2 that share one of 1 x 1 x 1.
    assert hypervolume([[2, 1, 1], [1, 2, 2]], reference=[0, 0, 0]) == pytest.approx(2 + 4 - 1)
    assert hypervolume([[2, 3, 4]], reference=[1, 1, 1]) == pytest.approx(1 * 2 * 3)
    assert hypervolume([[5.0]], reference=[2.0]) == pytest.approx(3.0)


@pytest.mark.parametrize("num_objectives", [1, 2, 3])
@pytest.mark.parametrize("levels", [3, 1000])
def test_against_inclusion_and_exclusion(num_objectives, levels):
    random = np.random.default_rng(num_objectives)
    for _ in range(5):
        # Few levels make ties in single objectives and points that are equal in all.
        points = random.integers(0, levels, (9, num_objectives)) / levels
        reference = np.full(num_objectives, 0.1)
        found = hypervolume(points, reference=reference)
        assert found == pytest.approx(inclusion_exclusion(points, reference), abs=1e-12)


def test_what_is_not_above_the_reference_covers_nothing():
    assert hypervolume(np.zeros((0, 2)), reference=[0, 0]) == 0.0
    assert hypervolume([[1.0, 1.0]], reference=[1.0, 0.0]) == 0.0
    assert hypervolume([[1.0, 1.0], [9.0, -1.0]], reference=[0.0, 0.0]) == pytest.approx(1.0)


def test_dominated_points_and_copies_add_nothing():
    points = [[1.0, 3.0, 2.0], [2.0, 2.0, 2.0]]
    once = hypervolume(points, reference=[0, 0, 0])
    assert hypervolume([*points, [1.0, 1.0, 1.0], points[0]], reference=[0, 0, 0]) == pytest.approx(once)


def test_non_dominated_by_hand():
    points = [[1, 3], [2, 2], [1, 2], [3, 1], [2, 2], [3, 0]]
    assert non_dominated(points).tolist() == [True, True, False, True, True, False]
    assert non_dominated(np.zeros((0, 3))).tolist() == []
    assert non_dominated([[4.0, 4.0]]).tolist() == [True]


def test_non_dominated_against_every_pair():
    points = np.random.default_rng(0).integers(0, 4, (40, 3))
    beaten = [any((other >= one).all() and (other > one).any() for other in points) for one in points]
    assert non_dominated(points).tolist() == [not each for each in beaten]


def test_points_are_spread_out_and_copies_are_not_taken():
    points = [[0.0, 0.0], [0.0, 0.0], [1.0, 0.0], [0.5, 0.0], [0.9, 0.0]]
    assert spread_out(points, most=3) == [2, 0, 3]
    assert spread_out([[1.0, 1.0], [1.0, 1.0]], most=5) == [0]
    assert spread_out(points, most=2, first=[4]) == [4, 0]
    assert spread_out(np.zeros((0, 2)), most=3) == []


@pytest.mark.parametrize(
    ("values", "reference", "said"),
    [
        ([[1.0, 2.0]], [0.0], "give 2 finite numbers"),
        ([[1.0, 2.0]], [0.0, np.nan], "give 2 finite numbers"),
        ([[1.0, np.nan]], [0.0, 0.0], "NaN or infinite"),
        ([1.0, 2.0], [0.0, 0.0], "a point is a row"),
        (np.ones((2, 4)), np.zeros(4), "exact in 1, 2 and 3"),
    ],
)
def test_bad_input(values, reference, said):
    with pytest.raises(ValueError, match=said):
        hypervolume(values, reference=reference)
