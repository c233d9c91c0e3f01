"""How many weights an estimator cuts, counted while the log passes by.

N rows.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from holdfast.core.arrays import Floats
from holdfast.evaluation.off_policy.columns import Cell
from holdfast.evaluation.off_policy.rounds import Block, BlockSource


class CountingSource:
    """A log that notes, in its first reading, each cell's largest weight and how many are cut.

    Attributes:
        num_rows: rows that passed by.
        reduced: by cell, the rows whose weight is above what the estimator leaves alone.
        largest: by cell, the largest of the weights that the estimator uses.
    """

    def __init__(self, source: BlockSource, cells: Sequence[Cell]) -> None:
        self._source = source
        self._complete = False
        self.num_rows = 0
        self.reduced = dict.fromkeys(cells, 0)
        self.largest = dict.fromkeys(cells, -math.inf)

    def blocks(self) -> Iterator[Block]:
        """The blocks of the log."""
        for block in self._source.blocks():
            if not self._complete:
                self._count(block)
            yield block
        self._complete = True

    def _count(self, block: Block) -> None:
        self.num_rows += block.num_rows
        for cell in self.reduced:
            weight = _weight(block.rounds[cell.policy, cell.objective], cell)
            self.largest[cell] = max(self.largest[cell], float(weight.max()))
            above = cell.estimator.reduced_above
            if above < math.inf:
                self.reduced[cell] += int((weight > above).sum())

    def reduced_share(self, cell: Cell) -> float:
        """Share of rows whose weight is cut, in [0, 1]."""
        return self.reduced[cell] / self.num_rows


def _weight(rounds: Any, cell: Cell) -> Floats:
    weight: Floats = rounds.balanced_weight if cell.estimator.needs == "balanced" else rounds.weight
    return weight
