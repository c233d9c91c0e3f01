"""Means and covariances of columns, gathered block by block.

N rows, K columns, C cells.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from holdfast.core.arrays import Floats
from holdfast.evaluation.off_policy.columns import Cell, ColumnPlan, stack_columns
from holdfast.evaluation.off_policy.formulas import gradient
from holdfast.evaluation.off_policy.rounds import BlockSource, WeightRange


@dataclass(frozen=True)
class Moments:
    """What the first reading of a log leaves.

    Attributes:
        plan: which columns belong to which cell.
        means: of the columns, ``[K]``.
        scatter: sums of products of the centred columns, ``[K, K]``.
        weights: by policy, the number of rows and the ends of the weights.
    """

    plan: ColumnPlan
    means: Floats
    scatter: Floats
    weights: dict[str, WeightRange]

    @property
    def num_rows(self) -> int:
        """N."""
        return next(iter(self.weights.values())).num_rows

    def values(self, cells: Sequence[Cell]) -> Floats:
        """The estimates, ``[C]``."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.array(
                [
                    float(formula(self.means[place], self.weights[cell.policy]))
                    for cell, place, formula in zip(cells, self.plan.places, self.plan.formulas, strict=True)
                ]
            )

    def variances(self, cells: Sequence[Cell]) -> Floats:
        """Variance of the rows' influences on each estimate, with divisor N, ``[C]``."""
        slopes = self.gradients(cells)
        return np.asarray(np.einsum("ck,kl,cl->c", slopes, self.scatter / self.num_rows, slopes))

    def restrict(self, indices: Sequence[int]) -> Moments:
        """The moments of some of the cells, with the columns that they alone would have."""
        order: dict[int, int] = {}
        for index in indices:
            for place in self.plan.places[index]:
                order.setdefault(int(place), len(order))
        kept = np.array(list(order))
        places = tuple(
            np.array([order[int(place)] for place in self.plan.places[index]]) for index in indices
        )
        formulas = tuple(self.plan.formulas[index] for index in indices)
        scatter = self.scatter[np.ix_(kept, kept)]
        return Moments(ColumnPlan(places, formulas), self.means[kept], scatter, self.weights)

    def gradients(self, cells: Sequence[Cell]) -> Floats:
        """Derivatives of the estimates by the means of all columns, ``[C, K]``."""
        slopes = np.zeros((len(cells), self.means.size))
        # An estimate that divides by 0 has no derivative either; its row is then NaN, and stays apart.
        for row, (cell, place, formula) in enumerate(
            zip(cells, self.plan.places, self.plan.formulas, strict=True)
        ):
            slopes[row, place] += gradient(formula, self.means[place], self.weights[cell.policy])
        return slopes


def gather_moments(source: BlockSource, cells: Sequence[Cell]) -> Moments:
    """Reads the log once.

    Args:
        source: at least one row.
        cells: at least one.

    Source: Chan, Golub and LeVeque (1983) for merging the blocks without loss of digits.
    """
    num_rows = 0
    means: Floats | None = None
    scatter: Floats | None = None
    plan: ColumnPlan | None = None
    ends: dict[str, tuple[float, float]] = {}
    for block in source.blocks():
        columns, plan = stack_columns(block, cells)
        here = columns.mean(axis=1)
        columns -= here[:, None]
        products = columns @ columns.T
        total = num_rows + block.num_rows
        if means is None or scatter is None:
            means, scatter = here, products
        else:
            step = here - means
            scatter += products + np.outer(step, step) * (num_rows * block.num_rows / total)
            means = means + step * (block.num_rows / total)
        num_rows = total
        for (policy, _), rounds in block.rounds.items():
            low, high = ends.get(policy, (math.inf, -math.inf))
            ends[policy] = (
                min(low, float(rounds.weight.min())),
                max(high, float(rounds.weight.max())),
            )
    if means is None or scatter is None or plan is None:
        raise ValueError("the log has no rows")
    weights = {policy: WeightRange(num_rows, low, high) for policy, (low, high) in ends.items()}
    return Moments(plan, means, scatter, weights)
