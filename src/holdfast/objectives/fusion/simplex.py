"""Points on the simplex of weights, and a search for the best one.

T objectives, P points.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.stats import qmc

from holdfast.core.arrays import Floats
from holdfast.core.random import derive_seed, generator

CLOSER = 0.4
"""How much smaller each round of a search looks than the one before."""


def simplex_points(num_objectives: int, num_points: int, *, seed: int) -> Floats:
    """Corners, centre, and points that fill the simplex evenly, ``[P, T]``; each sums to 1.

    The points are a Sobol sequence in the cube of one dimension less, shifted at random and folded onto the
    simplex by the spacings of its sorted coordinates, which is uniform on it.

    Args:
        num_objectives: T, at least 1.
        num_points: P, at least T + 1; those beyond corners and centre are filled in.
        seed: of the shift.

    Raises:
        ValueError: ``num_points`` is too small.

    Source: Sobol (1967); Cranley and Patterson (1976) for the shift.
    """
    if num_points < num_objectives + 1:
        raise ValueError(f"num_points is {num_points}; {num_objectives} objectives need {num_objectives + 1}")
    fixed = [np.eye(num_objectives), np.full((1, num_objectives), 1.0 / num_objectives)]
    if num_objectives == 1:
        return np.ones((1, 1))
    rest = num_points - num_objectives - 1
    # A power of two keeps the sequence balanced; its first points are as good a cover as any.
    cube = qmc.Sobol(num_objectives - 1, scramble=False).random_base2(int(np.ceil(np.log2(max(rest, 1)))))
    cube = (cube[:rest] + generator(seed, "simplex").random(num_objectives - 1)) % 1.0
    ends = np.concatenate([np.zeros((rest, 1)), np.sort(cube, axis=1), np.ones((rest, 1))], axis=1)
    return np.concatenate([*fixed, np.diff(ends, axis=1)])


def closer_points(points: Floats, centre: Floats, *, scale: float) -> Floats:
    """The points, scaled and moved around a centre ``[T]`` of the simplex, ``[P, T]``.

    What would leave the simplex is cut off at its edge, so that edges, where an objective has no say, are
    searched as well as the inside.
    """
    moved = np.maximum(centre + scale * (points - 1.0 / points.shape[1]), 0.0)
    return np.asarray(moved / moved.sum(axis=1, keepdims=True))


def search_simplex(
    values: Callable[[Floats], Floats], num_objectives: int, *, num_points: int, num_rounds: int, seed: int
) -> tuple[Floats, float]:
    """The weights with the largest value that was found, ``[T]``, and that value.

    The value of a ranking is constant between the weights at which two rows change places, so there is no
    gradient to follow: points fill the simplex first, and then ever smaller copies of it around the best.

    Args:
        values: of each set of weights ``[P, T]``, ``[P]``.
        num_objectives: T.
        num_points: of the first round; a quarter of them in each later one.
        num_rounds: rounds after the first, 0 or more.
        seed: of the points.

    Returns:
        The same for the same arguments; of equal values the first found, corners before all others.
    """
    points = simplex_points(num_objectives, max(num_points, num_objectives + 1), seed=seed)
    found = values(points)
    best, best_value = points[int(found.argmax())], float(found.max())
    for number in range(num_rounds if num_objectives > 1 else 0):
        fewer = simplex_points(
            num_objectives, max(num_points // 4, num_objectives + 1), seed=derive_seed(seed, "round", number)
        )
        near = closer_points(fewer, best, scale=CLOSER ** (number + 1))
        found = values(near)
        if found.max() > best_value:
            best, best_value = near[int(found.argmax())], float(found.max())
    return best, best_value
