"""Quantiles of more values than fit into memory, in one pass, with a bound on the error of every rank."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from holdfast.core.arrays import Floats


class QuantileSketch:
    """Sorted blocks of values; two blocks of one weight become one of twice the weight.

    Of two merged blocks every second value is kept, first and second in turn. A merge at weight w moves any
    rank by at most w; ``rank_error`` adds these up, so that it bounds the error for certain, not just
    probably. Holds ``block`` values for each doubling of the stream.

    Source: Munro and Paterson (1980).
    """

    def __init__(self, *, block: int = 32_768) -> None:
        if block < 2:
            raise ValueError(f"block must be 2 or more, got {block}")
        self._block = block
        self._waiting: list[Floats] = []
        self._num_waiting = 0
        self._levels: list[Floats | None] = []
        self._num_merges = 0
        self._smallest, self._largest = np.inf, -np.inf
        self.num_values = 0
        self._merge_error = 0

    def add(self, values: NDArray[np.floating]) -> None:
        """Take in more values, finite and in any order."""
        if len(values) == 0:
            return
        self.num_values += len(values)
        self._smallest = min(self._smallest, float(values.min()))
        self._largest = max(self._largest, float(values.max()))
        # A copy: a slice would keep the caller's whole column alive.
        self._waiting.append(np.array(values, dtype=np.float64))
        self._num_waiting += len(values)
        if self._num_waiting < self._block:
            return
        gathered = np.concatenate(self._waiting)
        whole = len(gathered) // self._block * self._block
        for start in range(0, whole, self._block):
            self._push(np.sort(gathered[start : start + self._block]))
        self._waiting = [gathered[whole:].copy()]
        self._num_waiting = len(gathered) - whole

    def _push(self, block: Floats) -> None:
        level = 0
        while True:
            if level == len(self._levels):
                self._levels.append(None)
            other = self._levels[level]
            if other is None:
                self._levels[level] = block
                return
            self._levels[level] = None
            self._num_merges += 1
            self._merge_error += 2**level
            block = np.sort(np.concatenate([other, block]), kind="stable")[self._num_merges % 2 :: 2]
            level += 1

    @property
    def rank_error(self) -> int:
        """Largest possible error of a rank, in values; the ends, put back in place, may cost one weight
        more.
        """
        return self._merge_error + 2 ** len(self._levels) if self._num_merges else 0

    def weighted(self) -> tuple[Floats, NDArray[np.int64]]:
        """All values that are held, sorted, and how many values of the stream each stands for.

        The smallest and the largest value of the stream are always among them.
        """
        parts = [np.concatenate(self._waiting)] if self._waiting else []
        weights = [np.ones(len(part), dtype=np.int64) for part in parts]
        for level, block in enumerate(self._levels):
            if block is not None:
                parts.append(block)
                weights.append(np.full(len(block), 2**level, dtype=np.int64))
        if not parts:
            return np.zeros(0), np.zeros(0, dtype=np.int64)
        values, weight = np.concatenate(parts), np.concatenate(weights)
        order = np.argsort(values, kind="stable")
        values, weight = values[order], weight[order]
        if self._num_merges:
            values[0], values[-1] = self._smallest, self._largest
        return values, weight
