"""With how many others a row agrees in the order of predictions and outcomes, in O(N sqrt N).

N rows.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from holdfast.core.arrays import Bools, Floats, Ints

CELLS_AT_ONCE = 4_000_000
"""Comparisons held in memory at a time."""


def concordance_counts(
    predicted: Floats, value: Floats, event: Bools, *, weight: Floats | None = None
) -> tuple[Floats, Floats]:
    """Of each row, the weight of its partners in comparable pairs that agree, and of all of them.

    A pair is comparable if the outcomes differ and the smaller one is no lower bound; it agrees if the larger
    outcome has the larger prediction, and by one half if the predictions are equal.

    Args:
        predicted: finite, ``[N]``.
        value: the outcome, or a lower bound, finite, ``[N]``.
        event: False where it is a lower bound, ``[N]``.
        weight: what a row counts as a partner, >= 0, ``[N]``; ones when None.

    Returns:
        Agreeing and comparable weight, float64 ``[N]`` each; every pair shows up in both of its rows.
    """
    num_rows = predicted.size
    if num_rows == 0:
        return np.zeros(0), np.zeros(0)
    counts = np.ones(num_rows) if weight is None else weight
    # Among equal outcomes the larger prediction comes first, so that none of them seems to agree.
    order = np.lexsort((-predicted, value))
    outcome, ends = value[order], event[order]
    all_counts = counts[order]
    lower_counts = np.where(ends, all_counts, 0.0)
    rank = np.unique(predicted, return_inverse=True)[1].astype(np.int64)[order]
    below, above = _smaller_before_and_larger_after(rank, lower_counts, all_counts)
    agreeing = below + np.where(ends, above, 0.0)
    smaller, larger = _strictly_smaller_and_larger(outcome, lower_counts, all_counts)
    comparable = smaller + np.where(ends, larger, 0.0)
    if int(rank.max()) + 1 < num_rows:
        agreeing += 0.5 * _tied(rank, outcome, ends, lower_counts, all_counts)
    found, pairs = np.empty(num_rows), np.empty(num_rows)
    found[order], pairs[order] = agreeing, comparable
    return found, pairs


def _strictly_smaller_and_larger(outcome: Floats, lower: Floats, upper: Floats) -> tuple[Floats, Floats]:
    """Of rows in the order of outcomes: ``lower`` of smaller ones and ``upper`` of larger ones, ``[N]``."""
    start = np.searchsorted(outcome, outcome, side="left")
    stop = np.searchsorted(outcome, outcome, side="right")
    lower_sums = np.concatenate([[0.0], np.cumsum(lower)])
    upper_sums = np.concatenate([[0.0], np.cumsum(upper)])
    return lower_sums[start], upper_sums[-1] - upper_sums[stop]


def _smaller_before_and_larger_after(rank: Ints, lower: Floats, upper: Floats) -> tuple[Floats, Floats]:
    """``lower`` of earlier rows with a smaller rank, and ``upper`` of later rows with a larger one, ``[N]``.

    Rows are cut into about sqrt(N) blocks by place and again by rank. Partners in another block of both kinds
    are had from a table; those in the same block of either kind are compared one by one.
    """
    num_rows = rank.size
    width = int(np.ceil(np.sqrt(num_rows)))
    # Of equal ranks the later row comes first, so that none of them seems to be larger and later.
    by_rank = np.lexsort((-np.arange(num_rows), rank))
    block = np.arange(num_rows) // width
    block_of_rank = np.empty(num_rows, dtype=np.int64)
    block_of_rank[by_rank] = block
    num_blocks = int(block[-1]) + 1
    cell = block * num_blocks + block_of_rank
    lower_table = np.bincount(cell, lower, minlength=num_blocks**2).reshape(num_blocks, num_blocks)
    upper_table = np.bincount(cell, upper, minlength=num_blocks**2).reshape(num_blocks, num_blocks)
    before, after = _within_blocks(rank, np.arange(num_rows), lower, upper, width=width)
    # Of one block of ranks, in order of rank: earlier places, in another block of places.
    also_before, also_after = _within_blocks(
        block[by_rank], rank[by_rank], lower[by_rank], upper[by_rank], width=width
    )
    before[by_rank] += also_before
    after[by_rank] += also_after
    smaller = _exclusive(_exclusive(lower_table, axis=0), axis=1)
    larger = _exclusive(_exclusive(upper_table[::-1, ::-1], axis=0), axis=1)[::-1, ::-1]
    before += smaller[block, block_of_rank]
    after += larger[block, block_of_rank]
    return before, after


def _exclusive(table: Any, *, axis: int) -> Any:
    return np.asarray(np.cumsum(table, axis=axis) - table)


def _within_blocks(
    one: Ints, other: Ints, lower: Floats, upper: Floats, *, width: int
) -> tuple[Floats, Floats]:
    """In blocks of ``width`` rows: ``lower`` of rows smaller in both, ``upper`` of rows larger in both."""
    num_rows = one.size
    before, after = np.zeros(num_rows), np.zeros(num_rows)
    blocks_at_once = max(1, CELLS_AT_ONCE // width**2)
    for start in range(0, num_rows, width * blocks_at_once):
        stop = min(start + width * blocks_at_once, num_rows)
        shape = (-(-(stop - start) // width), width)
        first, second = (_padded(each[start:stop], shape) for each in (one, other))
        is_smaller = (first[:, :, None] > first[:, None, :]) & (second[:, :, None] > second[:, None, :])
        matrix = is_smaller.astype(np.float64)
        below = matrix @ _padded(lower[start:stop], shape)[:, :, None]
        above = _padded(upper[start:stop], shape)[:, None, :] @ matrix
        before[start:stop] = below.reshape(-1)[: stop - start]
        after[start:stop] = above.reshape(-1)[: stop - start]
    return before, after


def _padded(values: Any, shape: tuple[int, int]) -> Any:
    """Rows in blocks; the last one is filled up with zeros, whose weight is 0 too."""
    padded = np.zeros(shape[0] * shape[1], dtype=values.dtype)
    padded[: values.size] = values
    return padded.reshape(shape)


def _tied(rank: Ints, outcome: Floats, ends: Bools, lower: Floats, upper: Floats) -> Floats:
    """Weight of comparable partners with an equal prediction, ``[N]``; rows in the order of outcomes."""
    by_rank = np.argsort(rank, kind="stable")
    ranks, outcomes = rank[by_rank], outcome[by_rank]
    new_group = np.flatnonzero(np.diff(ranks, prepend=-1))
    group = np.repeat(np.arange(new_group.size), np.diff(np.append(new_group, ranks.size)))
    group_start, group_stop = new_group[group], np.append(new_group, ranks.size)[group + 1]
    new_tie = np.flatnonzero((np.diff(ranks, prepend=-1) != 0) | (np.diff(outcomes, prepend=np.inf) != 0))
    tie = np.repeat(np.arange(new_tie.size), np.diff(np.append(new_tie, ranks.size)))
    tie_start, tie_stop = new_tie[tie], np.append(new_tie, ranks.size)[tie + 1]
    lower_sums = np.concatenate([[0.0], np.cumsum(lower[by_rank])])
    upper_sums = np.concatenate([[0.0], np.cumsum(upper[by_rank])])
    found = np.empty(ranks.size)
    found[by_rank] = (lower_sums[tie_start] - lower_sums[group_start]) + np.where(
        ends[by_rank], upper_sums[group_stop] - upper_sums[tie_stop], 0.0
    )
    return found
