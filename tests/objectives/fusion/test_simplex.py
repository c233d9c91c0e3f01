from __future__ import annotations

import numpy as np
import pytest

from holdfast.objectives.fusion.simplex import closer_points, search_simplex, simplex_points


@pytest.mark.parametrize("num_objectives", [2, 3, 4])
def test_points_lie_on_the_simplex_and_hold_corners_and_centre(num_objectives):
    points = simplex_points(num_objectives, 100, seed=3)
    assert points.shape == (100, num_objectives)
    assert (points >= 0.0).all()
    np.testing.assert_allclose(points.sum(axis=1), 1.0)
    np.testing.assert_array_equal(points[:num_objectives], np.eye(num_objectives))
    np.testing.assert_allclose(points[num_objectives], 1.0 / num_objectives)
    assert len(np.unique(points.round(9), axis=0)) == 100


def test_points_fill_the_simplex_evenly():
    points = simplex_points(3, 516, seed=0)[4:]
    # Uniform on the triangle: every coordinate is above a half on a quarter of it.
    shares = (points > 0.5).mean(axis=0)
    np.testing.assert_allclose(shares, 0.25, atol=0.02)


def test_points_depend_on_the_seed_and_on_nothing_else():
    one, same, other = (simplex_points(3, 40, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


def test_one_objective_has_one_weight_and_too_few_points_are_refused():
    np.testing.assert_array_equal(simplex_points(1, 8, seed=0), [[1.0]])
    with pytest.raises(ValueError, match="num_points is 3; 3 objectives need 4"):
        simplex_points(3, 3, seed=0)


def test_closer_points_reach_the_edge_that_is_near():
    near = closer_points(simplex_points(3, 20, seed=0), np.array([0.02, 0.38, 0.6]), scale=0.3)
    assert (near >= 0.0).all()
    np.testing.assert_allclose(near.sum(axis=1), 1.0)
    assert (near[:, 0] == 0.0).any()


def test_closer_points_stay_on_the_simplex():
    near = closer_points(simplex_points(3, 20, seed=0), np.array([0.2, 0.3, 0.5]), scale=0.1)
    assert (near >= 0.0).all()
    np.testing.assert_allclose(near.sum(axis=1), 1.0)
    assert np.abs(near - [0.2, 0.3, 0.5]).max() <= 0.1


@pytest.mark.parametrize("best", [[0.2, 0.3, 0.5], [1.0, 0.0, 0.0], [0.0, 0.45, 0.55]])
def test_the_search_comes_close_to_a_known_optimum(best):
    found, value = search_simplex(
        lambda points: -((points - best) ** 2).sum(axis=1), 3, num_points=128, num_rounds=3, seed=0
    )
    assert np.abs(found - best).max() < 0.03
    assert value == pytest.approx(-((found - best) ** 2).sum())


def test_of_equal_values_the_first_is_taken():
    found, _ = search_simplex(lambda points: np.zeros(len(points)), 2, num_points=16, num_rounds=2, seed=0)
    assert found.tolist() == [1.0, 0.0]
