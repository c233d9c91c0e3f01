"""Estimates and the joint distribution of their errors, from a second reading of the log.

N rows, K columns, C cells, E estimates (linear combinations of cells), R resamples, G clusters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from holdfast.core.arrays import Floats, Ints
from holdfast.evaluation.off_policy.columns import Cell, stack_columns
from holdfast.evaluation.off_policy.moments import Moments
from holdfast.evaluation.off_policy.poisson_bootstrap import resampled_sums
from holdfast.evaluation.off_policy.rounds import BlockSource

KEYS_AT_ONCE = 2_000_000
"""Partial sums of clusters are merged when more than so many have gathered."""

ROUNDING = 1e-12
"""Relative to the size of an estimate's parts; influences below it are rounding."""


@dataclass(frozen=True)
class JointEstimate:
    """E estimates of one log.

    Attributes:
        values: NaN where an estimate is undefined, ``[E]``.
        covariance: of their errors, robust to clusters where there are some, ``[E, E]``.
        informative: how many units (rows, or clusters) carry the variance of each estimate,
            ``(sum f^2)^2 / sum f^4`` over their influences f: about N where all matter alike, about 1 where
            one decides, ``[E]``; 0 where nothing varies.
        num_units: G, or N without clusters.
        replicates: the estimates in each resample, NaN where undefined, ``[R, E]``; R may be 0.
    """

    values: Floats
    covariance: Floats
    informative: Floats
    num_units: int
    replicates: Floats

    @property
    def standard_errors(self) -> Floats:
        """``[E]``."""
        return np.sqrt(np.maximum(np.diagonal(self.covariance), 0.0))


def gather_joint_estimate(
    source: BlockSource,
    cells: Sequence[Cell],
    moments: Moments,
    combinations: Floats,
    *,
    clustered: bool,
    num_resamples: int = 0,
    seed: int = 0,
) -> JointEstimate:
    """Reads the log a second time, now that the means are known.

    Args:
        source: the same rows as the moments.
        cells: C of them, those of the moments.
        moments: from the first reading.
        combinations: ``[E, C]``.
        clustered: whether rows with the same key depend on each other.
        num_resamples: R; 0 for none.
        seed: of the resamples.
    """
    values, gradients = moments.values(cells), moments.gradients(cells)
    # An estimate that divides by 0 must not spoil its neighbours: a 0 times NaN would.
    broken = ~(np.isfinite(values) & np.isfinite(gradients).all(axis=1))
    values[broken], gradients[broken] = 0.0, 0.0
    undefined = (combinations[:, broken] != 0.0).any(axis=1)
    slopes = combinations @ gradients
    clusters = ClusterSums(slopes.shape[0])
    fourth: Floats = np.zeros(slopes.shape[0])
    second: Floats = np.zeros((slopes.shape[0], slopes.shape[0]))
    sums = np.zeros((num_resamples, moments.means.size))
    drawn = np.zeros(num_resamples)
    for block in source.blocks():
        columns, _ = stack_columns(block, cells)
        columns -= moments.means[:, None]
        influence: Floats = slopes @ columns
        if clustered:
            clusters.add(block.keys, influence)
        else:
            second += influence @ influence.T
            fourth += _sum_of_fourth_powers(influence)
        if num_resamples:
            more, rows = resampled_sums(columns, block.keys, num_resamples=num_resamples, seed=seed)
            sums += more
            drawn += rows
    num_units = moments.num_rows
    if clustered:
        influence = clusters.total()
        num_units = influence.shape[1]
        second = influence @ influence.T
        fourth = _sum_of_fourth_powers(influence)
    noise = ROUNDING * np.abs(slopes) @ np.abs(moments.means)
    covariance, informative = _spread(second, fourth, noise, num_units=num_units, num_rows=moments.num_rows)
    return JointEstimate(
        values=np.where(undefined, np.nan, combinations @ values),
        covariance=covariance,
        informative=informative,
        num_units=num_units,
        replicates=_replicates(cells, moments, combinations, sums, drawn),
    )


def _spread(
    second: Floats, fourth: Floats, noise: Floats, *, num_units: int, num_rows: int
) -> tuple[Floats, Floats]:
    """Covariance ``[E, E]`` and informative units ``[E]`` from sums of products and of fourth powers."""
    # What varies by rounding alone does not vary.
    still = np.diagonal(second) <= num_units * noise**2
    second, fourth = second.copy(), np.where(still, 0.0, fourth)
    second[still], second[:, still] = 0.0, 0.0
    variation = np.diagonal(second)
    factor = num_units / (num_units - 1) if num_units > 1 else 1.0
    informative = np.divide(variation**2, fourth, out=np.zeros_like(fourth), where=fourth > 0.0)
    return second * (factor / num_rows**2), informative


def _sum_of_fourth_powers(influence: Floats) -> Floats:
    squares = influence * influence
    return np.asarray(np.einsum("en,en->e", squares, squares))


def _replicates(
    cells: Sequence[Cell], moments: Moments, combinations: Floats, sums: Floats, drawn: Floats
) -> Floats:
    """Estimates ``[R, E]`` from the centred sums of each resample; empty resamples are left out."""
    kept = drawn > 0.0
    means = moments.means + sums[kept] / drawn[kept, None]
    values = np.empty((means.shape[0], len(cells)))
    with np.errstate(divide="ignore", invalid="ignore"):
        for index, (cell, place, formula) in enumerate(
            zip(cells, moments.plan.places, moments.plan.formulas, strict=True)
        ):
            values[:, index] = formula(means[:, place], moments.weights[cell.policy])
    undefined = ~np.isfinite(values)
    estimates = np.where(undefined, 0.0, values) @ combinations.T
    estimates[(undefined.astype(np.float64) @ (combinations != 0.0).T) > 0.0] = np.nan
    return np.asarray(estimates)


class ClusterSums:
    """Sums over the rows of each cluster, whose rows may be anywhere in the log."""

    def __init__(self, num_estimates: int) -> None:
        self._keys: list[NDArray[np.uint64]] = [np.empty(0, dtype=np.uint64)]
        self._sums: list[Floats] = [np.empty((num_estimates, 0))]

    def add(self, keys: NDArray[np.uint64], influence: Floats) -> None:
        """More rows: their clusters ``[N]`` and values ``[E, N]``."""
        names, codes = np.unique(keys, return_inverse=True)
        self._keys.append(names)
        self._sums.append(_sums_by_code(codes, influence, names.size))
        if sum(each.size for each in self._keys[1:]) > KEYS_AT_ONCE:
            self._merge()

    def total(self) -> Floats:
        """``[E, G]``."""
        self._merge()
        return self._sums[0]

    def _merge(self) -> None:
        names, codes = np.unique(np.concatenate(self._keys), return_inverse=True)
        sums = np.concatenate(self._sums, axis=1)
        self._keys, self._sums = [names], [_sums_by_code(codes, sums, names.size)]


def _sums_by_code(codes: Ints, values: Floats, num_codes: int) -> Floats:
    """Sums of values ``[E, N]`` over the rows of each code, ``[E, G]``."""
    sums = np.empty((len(values), num_codes))
    for place, row in enumerate(values):
        sums[place] = np.bincount(codes, row, minlength=num_codes)
    return sums
