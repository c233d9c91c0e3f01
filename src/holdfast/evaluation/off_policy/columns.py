"""The columns that a set of estimators needs, each of them once.

N rows, K columns, C cells (a policy, an objective and an estimator each).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from holdfast.core.arrays import Floats, Ints
from holdfast.evaluation.off_policy.estimators.estimator import Estimator
from holdfast.evaluation.off_policy.formulas import Formula
from holdfast.evaluation.off_policy.rounds import Block


@dataclass(frozen=True)
class Cell:
    """One estimate that is asked for."""

    policy: str
    objective: str
    estimator: Estimator


@dataclass(frozen=True)
class ColumnPlan:
    """Which rows of the column matrix belong to which cell.

    Attributes:
        places: for each of the C cells, the positions of its columns.
        formulas: for each cell, from the means of its columns to the estimate.
    """

    places: tuple[Ints, ...]
    formulas: tuple[Formula, ...]


def stack_columns(block: Block, cells: Sequence[Cell]) -> tuple[Floats, ColumnPlan]:
    """The columns of all cells, without repetition, ``[K, N]``.

    A column that two estimators share is one array (see ``Rounds``), which is how it is recognised; the plan
    is therefore the same for every block of a log.
    """
    seen: dict[int, int] = {}
    columns: list[Floats] = []
    places, formulas = [], []
    for cell in cells:
        terms = cell.estimator.terms(block.rounds[cell.policy, cell.objective])
        for column in terms.columns:
            if id(column) not in seen:
                seen[id(column)] = len(columns)
                columns.append(column)
        places.append(np.array([seen[id(column)] for column in terms.columns]))
        formulas.append(terms.formula)
    stacked = np.empty((len(columns), block.num_rows))
    for place, column in enumerate(columns):
        stacked[place] = column
    return stacked, ColumnPlan(tuple(places), tuple(formulas))
