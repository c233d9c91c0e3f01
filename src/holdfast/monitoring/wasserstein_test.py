"""The p-value of a robust Wasserstein-1 distance, by the law that fits the size of both samples."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from holdfast.core.arrays import Floats
from holdfast.core.random import generator
from holdfast.monitoring.column_reference import NumericReference
from holdfast.monitoring.counts import share_test
from holdfast.monitoring.pair import NumericWindow
from holdfast.monitoring.wasserstein_null import WassersteinNull

PERMUTED_UP_TO = 1000
"""Values on both sides together up to which they are permuted."""
SMALL_REFERENCE = 500
"""Values below which a reference alone says too little about its own law."""
NUM_PERMUTATIONS = 999


def wasserstein_p_value(reference: NumericReference, current: NumericWindow, distance: float) -> float:
    """Chance of a robust distance at least this large without any change, in (0, 1].

    Permutations of both sides together where they are small, otherwise the limit law, drawn from the
    reference or, where that is small, from both sides. A constant reference: Fisher's test on the values
    that are not its own.

    Args:
        reference: a column with finite values.
        current: the window, with finite values.
        distance: between both, cut off at the reference's limits.
    """
    n, m = reference.num_finite, len(current.values)
    if reference.is_constant:
        moved = m - int((current.num_upto(reference.knots) - current.num_below(reference.knots))[0])
        return share_test((0, n), (moved, m))[1]
    if n + m > PERMUTED_UP_TO and n >= SMALL_REFERENCE:
        return reference.wasserstein_null.p_value(distance, num_reference=n, num_current=m)
    low, high = current.inner(np.array(reference.limits))
    points, counts = reference.support
    before = np.clip(current.inner(points), low, high).astype(np.float64)
    now = np.clip(current.values, low, high).astype(np.float64)
    if n + m <= PERMUTED_UP_TO:
        return _permuted(np.concatenate([np.repeat(before, counts), now]), n, distance)
    return _pooled_null(before, counts, now).p_value(distance, num_reference=n, num_current=m)


def _permuted(values: Floats, num_reference: int, distance: float) -> float:
    """Share of the random divisions of ``values`` that are at least as far apart."""
    ordered = np.sort(values)
    gaps = np.diff(ordered)
    draws = generator(0, "monitoring", "permutations")
    is_reference = np.zeros(len(values), dtype=bool)
    is_reference[:num_reference] = True
    num_current = len(values) - num_reference
    step = np.where(is_reference, 1 / num_reference, -1 / num_current)
    steps = draws.permuted(np.tile(step, (NUM_PERMUTATIONS, 1)), axis=1)
    drawn = np.abs(np.cumsum(steps, axis=1)[:, :-1]) @ gaps
    # Rounding must not make a division that equals the observed one look smaller.
    return float((1 + (drawn >= distance * (1 - 1e-9)).sum()) / (NUM_PERMUTATIONS + 1))


def _pooled_null(before: Floats, counts: NDArray[np.int64], now: Floats) -> WassersteinNull:
    """The limit law of both sides together; of a long window 512 quantiles stand for all values."""
    kept = now
    weight = np.ones(len(now))
    if len(now) > 512:
        kept = now[((np.arange(512) + 0.5) / 512 * len(now)).astype(np.int64)]
        weight = np.full(512, len(now) / 512)
    points, weights = np.concatenate([before, kept]), np.concatenate([counts.astype(np.float64), weight])
    order = np.argsort(points, kind="stable")
    return WassersteinNull.of(points[order], weights[order])
