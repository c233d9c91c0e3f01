"""Whether predictions are in the order of outcomes: XAUC, and Harrell's C for censored ones.

N rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from holdfast.core.arrays import Bools, Floats, Ints
from holdfast.evaluation import checks
from holdfast.evaluation.discrimination import prefix_sums
from holdfast.evaluation.metric_value import WeightedMetric


def xauc(
    predicted: ArrayLike,
    value: ArrayLike,
    *,
    event: ArrayLike | None = None,
    weight: ArrayLike | None = None,
) -> float | None:
    r"""Chance that, of two rows with different outcomes, the larger outcome has the larger prediction.

    .. math:: \frac{\sum_{i, j: y_i < y_j, e_i} w_i w_j ([s_i < s_j] + [s_i = s_j] / 2)}
              {\sum_{i, j: y_i < y_j, e_i} w_i w_j}

    Equal predictions count one half; pairs with equal outcomes are left out. With ``event``, a pair counts
    only if the smaller outcome is not a lower bound, for otherwise nobody knows which is smaller (Harrell's
    C). Exact, in O(N log N).

    Args:
        predicted: ``[N]``.
        value: the outcome, or a lower bound of it, ``[N]``.
        event: False where ``value`` is only a lower bound, ``[N]``; all True when None.
        weight: what a row counts, >= 0, ``[N]``; ones when None.

    Returns:
        In [0, 1]; None where no pair can be compared.

    Source: Harrell et al. (1982) for censored outcomes.

    >>> xauc([1.0, 2.0, 2.0], [10.0, 30.0, 20.0])
    0.8333333333333334
    """
    predicted, value, ends = _checked(predicted, value, event)
    weights = checks.row_weights(weight, num_rows=value.size)
    comparable = _comparable_pairs(value, ends)(weights)
    if not comparable > 0.0:
        return None
    # Level by level, so that memory stays O(N).
    ordered = sum(pairs(weights) for pairs in _ordered_pairs(predicted, value, ends))
    tied = _tied_pairs(predicted, value, ends)(weights)
    return float((ordered + tied / 2.0) / comparable)


def prepare_xauc(predicted: ArrayLike, value: ArrayLike, event: ArrayLike | None = None) -> WeightedMetric:
    """``xauc`` sorted once, for many sets of weights; holds O(N log N) integers."""
    predicted, value, ends = _checked(predicted, value, event)
    comparable = _comparable_pairs(value, ends)
    tied = _tied_pairs(predicted, value, ends)
    levels = list(_ordered_pairs(predicted, value, ends))

    def concordance(weight: Floats) -> float | None:
        total = comparable(weight)
        if not total > 0.0:
            return None
        ordered = sum(pairs(weight) for pairs in levels)
        return float((ordered + tied(weight) / 2.0) / total)

    return concordance


@dataclass(frozen=True)
class _PairSum:
    """Sum of products of weights over pairs of a lower and an upper row.

    Attributes:
        lower: rows that may be the lower one, in an order in which ...
        upper: ... each upper row
        start: has its partners from here ...
        stop: ... to before here.
    """

    lower: Ints
    upper: Ints
    start: Ints
    stop: Ints

    def __call__(self, weight: Floats) -> float:
        sums = prefix_sums(weight[self.lower])
        return float(weight[self.upper] @ (sums[self.stop] - sums[self.start]))


def _pair_sum(group: Ints, rank: Ints, is_lower: Bools, is_upper: Bools) -> _PairSum:
    """Pairs within a group whose lower row has the smaller rank; ``group`` and ``rank`` from 0, ``[N]``."""
    key = group * (int(rank.max(initial=0)) + 1) + rank
    lower = np.flatnonzero(is_lower)
    lower = lower[np.argsort(key[lower], kind="stable")]
    upper = np.flatnonzero(is_upper)
    upper = upper[np.argsort(key[upper], kind="stable")]
    start = np.searchsorted(group[lower], group[upper], side="left")
    stop = np.searchsorted(key[lower], key[upper], side="left")
    paired = stop > start
    return _PairSum(lower, upper[paired], start[paired], stop[paired])


def _comparable_pairs(value: Floats, event: Bools) -> _PairSum:
    return _pair_sum(np.zeros(value.size, dtype=np.int64), _dense_rank(value), event, np.ones_like(event))


def _tied_pairs(predicted: Floats, value: Floats, event: Bools) -> _PairSum:
    """Comparable pairs with equal predictions."""
    return _pair_sum(_dense_rank(predicted), _dense_rank(value), event, np.ones_like(event))


def _ordered_pairs(predicted: Floats, value: Floats, event: Bools) -> Iterator[_PairSum]:
    """Comparable pairs with predictions in the right order, each pair in exactly one level.

    Two different ranks agree in their leading bits down to one bit, where the smaller has 0 and the larger 1.
    The level of that bit finds the pair: both rows are in the group of the common leading bits.
    """
    by_prediction, by_value = _dense_rank(predicted), _dense_rank(value)
    for bit in range(int(by_prediction.max(initial=0)).bit_length()):
        larger = ((by_prediction >> bit) & 1).astype(bool)
        yield _pair_sum(by_prediction >> (bit + 1), by_value, event & ~larger, larger)


def _dense_rank(values: Floats) -> Ints:
    return np.asarray(np.unique(values, return_inverse=True)[1], dtype=np.int64)


def _checked(predicted: ArrayLike, value: ArrayLike, event: ArrayLike | None) -> tuple[Floats, Floats, Bools]:
    scores, outcomes = checks.finite_columns(predicted=predicted, value=value)
    ends = np.ones(outcomes.size, dtype=bool) if event is None else np.asarray(event, dtype=bool)
    checks.same_length(value=outcomes, event=ends)
    return scores, outcomes, ends
