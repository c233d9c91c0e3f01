"""Which points are not beaten in everything by another one, and how much all of them cover.

P points, M objectives; more is better in each.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from holdfast.core.arrays import Bools, Floats


def non_dominated(values: ArrayLike) -> Bools:
    """Whether no other point is at least as good in every objective and better in one, ``[P]``.

    Points that are equal in everything do not dominate each other: all of them are on the front, or none.

    Args:
        values: ``[P, M]``, more is better, finite.
    """
    points_PM = _checked(values)
    kept = np.ones(len(points_PM), dtype=bool)
    for index, point_M in enumerate(points_PM):
        as_good = (points_PM >= point_M).all(axis=1)
        kept[index] = not (as_good & (points_PM > point_M).any(axis=1)).any()
    return kept


def hypervolume(values: ArrayLike, *, reference: ArrayLike) -> float:
    """Volume between a reference point and the points that are better than it, exactly, in 1 to 3 objectives.

    In three objectives points are taken from the best third value down; between two neighbours lies a slab,
    whose base is the area that the points so far cover.

    Args:
        values: ``[P, M]``, more is better, finite.
        reference: ``[M]``; what is not better than it in every objective covers nothing.

    Returns:
        At least 0; 0 without points.

    Raises:
        ValueError: there are no or more than three objectives, or the shapes disagree.

    Source: Zitzler and Thiele (1998).
    """
    points_PM = _checked(values)
    lowest_M = np.asarray(reference, dtype=np.float64)
    if lowest_M.shape != points_PM.shape[1:] or not np.isfinite(lowest_M).all():
        raise ValueError(f"reference is {lowest_M.tolist()}; give {points_PM.shape[1]} finite numbers")
    if not 1 <= points_PM.shape[1] <= 3:
        raise ValueError(f"{points_PM.shape[1]} objectives; the hypervolume is exact in 1, 2 and 3")
    above_PM = points_PM[(points_PM > lowest_M).all(axis=1)] - lowest_M
    if not len(above_PM):
        return 0.0
    if above_PM.shape[1] == 1:
        return float(above_PM.max())
    if above_PM.shape[1] == 2:
        return _area(above_PM)
    order = np.argsort(-above_PM[:, 2], kind="stable")
    sorted_PM = above_PM[order]
    below = np.append(sorted_PM[1:, 2], 0.0)
    slabs = sorted_PM[:, 2] - below
    return float(
        sum(
            thickness * _area(sorted_PM[: index + 1, :2])
            for index, thickness in enumerate(slabs)
            if thickness > 0.0
        )
    )


def spread_out(values: ArrayLike, *, most: int, first: ArrayLike = ()) -> list[int]:
    """Indices of points that are far from each other: each next one is the farthest from those before.

    Args:
        values: ``[P, M]``; each objective counts in units of its own range.
        most: how many at most.
        first: indices that are taken in any case.

    Returns:
        In the order in which they were taken; points equal to one that was taken are left out.
    """
    points_PM = _checked(values)
    taken = [int(each) for each in np.asarray(first, dtype=np.int64)]
    if not len(points_PM):
        return taken
    extent_M = np.ptp(points_PM, axis=0)
    scaled_PM = points_PM / np.where(extent_M > 0.0, extent_M, 1.0)
    if not taken:
        taken = [int(scaled_PM.sum(axis=1).argmax())]
    distance_P = np.min([np.linalg.norm(scaled_PM - scaled_PM[index], axis=1) for index in taken], axis=0)
    while len(taken) < most and distance_P.max() > 0.0:
        taken.append(int(distance_P.argmax()))
        distance_P = np.minimum(distance_P, np.linalg.norm(scaled_PM - scaled_PM[taken[-1]], axis=1))
    return taken


def _area(points_P2: Floats) -> float:
    """Area between the origin and points above it."""
    order = np.lexsort((-points_P2[:, 1], -points_P2[:, 0]))
    width_P, height_P = points_P2[order].T
    reached_P = np.maximum.accumulate(height_P)
    gained_P = np.diff(reached_P, prepend=0.0)
    return float(width_P @ gained_P)


def _checked(values: ArrayLike) -> Floats:
    points_PM = np.asarray(values, dtype=np.float64)
    if points_PM.ndim != 2:
        raise ValueError(f"values have shape {points_PM.shape}; a point is a row, an objective a column")
    if not np.isfinite(points_PM).all():
        raise ValueError("values hold NaN or infinite numbers; a point needs every objective")
    return points_PM
