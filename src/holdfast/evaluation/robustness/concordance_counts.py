"""With how many others a row agrees in the order of predictions and outcomes, in O(N log N).

N rows.
"""

from __future__ import annotations

import numpy as np

from holdfast.core.arrays import Bools, Floats, Ints


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

    Two different ranks agree in their leading bits down to one bit, where the smaller has 0 and the larger 1.
    Bit by bit, rows are in groups of equal leading bits, within a group in their first order.
    """
    num_rows = rank.size
    before, after = np.zeros(num_rows), np.zeros(num_rows)
    place = np.arange(num_rows)
    start = np.zeros(num_rows, dtype=np.int64)  # of the group at each place
    stop = np.full(num_rows, num_rows, dtype=np.int64)
    for bit in reversed(range(int(rank.max()).bit_length())):
        is_larger = ((rank[place] >> bit) & 1).astype(bool)
        zeros = np.concatenate([[0], np.cumsum(~is_larger)])
        small = np.concatenate([[0.0], np.cumsum(np.where(is_larger, 0.0, lower[place]))])
        large = np.concatenate([[0.0], np.cumsum(np.where(is_larger, upper[place], 0.0))])
        here = np.flatnonzero(is_larger)
        before[place[here]] += small[here] - small[start[here]]
        here = np.flatnonzero(~is_larger)
        after[place[here]] += large[stop[here]] - large[here + 1]
        # Stable partition of every group: its zeros first.
        middle = start + zeros[stop] - zeros[start]
        index = np.arange(num_rows)
        zeros_before = zeros[:-1] - zeros[start]
        moved_to = np.where(is_larger, middle + (index - start) - zeros_before, start + zeros_before)
        new_place, new_start, new_stop = np.empty_like(place), np.empty_like(start), np.empty_like(stop)
        new_place[moved_to] = place
        new_start[moved_to] = np.where(is_larger, middle, start)
        new_stop[moved_to] = np.where(is_larger, stop, middle)
        place, start, stop = new_place, new_start, new_stop
    return before, after


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
