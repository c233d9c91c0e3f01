"""The p-value of a robust Wasserstein-1 distance, by the law that fits the size of both samples."""

from __future__ import annotations

from functools import lru_cache

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
SMALL_WINDOW = 100
"""Values of a window up to which samples of its size are drawn: the limit law needs more."""
FEW_EXPECTED, RARE_SHARE = 10.0, 0.25
"""Where values of which fewer than ten are expected make this share of a distance, windows are drawn."""
NUM_PERMUTATIONS = 999
MOST_POINTS, FEW_POINTS = 512, 64


def wasserstein_p_value(reference: NumericReference, current: NumericWindow, distance: float) -> float:
    """Chance of a robust distance at least this large without any change, in (0, 1].

    Permutations of both sides together where they are small; windows drawn from both together where the
    window is small, or where the distance hangs on values that are rare in it, for which the limit law would
    alarm too often; otherwise the limit law, drawn from the reference or, where that is small, from both
    sides. A constant reference: Fisher's test on the values that are not its own.

    Args:
        reference: a column with finite values.
        current: the window, with finite values.
        distance: between both, cut off at the reference's limits.
    """
    n, m = reference.num_finite, len(current.values)
    if reference.is_constant:
        moved = m - int((current.num_upto(reference.knots) - current.num_below(reference.knots))[0])
        return share_test((0, n), (moved, m))[1]
    is_tiny = n + m <= PERMUTED_UP_TO
    is_drawn = not is_tiny and (m <= SMALL_WINDOW or hangs_on_rare_values(reference, m))
    if not is_tiny and not is_drawn and n >= SMALL_REFERENCE:
        return reference.wasserstein_null.p_value(distance, num_reference=n, num_current=m)
    low, high = current.inner(np.array(reference.limits))
    points, counts = reference.support
    before = np.clip(current.inner(points), low, high).astype(np.float64)
    now = np.clip(current.values, low, high).astype(np.float64)
    if is_tiny:
        return _permuted(np.concatenate([np.repeat(before, counts), now]), n, distance)
    if is_drawn:
        return _drawn(*_together(before, counts, now), m, distance * n / (n + m))
    null = WassersteinNull.of(*_together(before, counts, now))
    return null.p_value(distance, num_reference=n, num_current=m)


def hangs_on_rare_values(reference: NumericReference, num_current: int) -> bool:
    """Whether much of a window's distance is made by values of which it is expected to hold only a few."""
    points, counts = reference.support
    upto = np.cumsum(counts)[:-1] / counts.sum()
    apart = np.diff(np.clip(points, *reference.limits)) * np.sqrt(upto * (1.0 - upto))
    rare = num_current * np.minimum(upto, 1.0 - upto) < FEW_EXPECTED
    return bool(apart[rare].sum() > RARE_SHARE * apart.sum())


def _drawn(points: Floats, weights: Floats, num_current: int, distance: float) -> float:
    r"""Share of the windows drawn from both sides together that lie at least as far from them.

    A window lies :math:`(N + M) / N` times as far from the reference as from both together. What is drawn
    with replacement varies a little too much, which errs to the safe side.
    """
    share = weights / weights.sum()
    cells = _drawn_cells(weights, num_current)
    upto = np.cumsum(share)[:-1]
    apart = np.abs(np.cumsum(cells, axis=1)[:, :-1] / num_current - upto) @ np.diff(points)
    # Rounding must not make a window that equals the observed one look smaller.
    exceeding = int((apart >= distance * (1 - 1e-9)).sum())
    return (1 + exceeding) / (NUM_PERMUTATIONS + 1)


def _drawn_cells(weights: Floats, num_current: int) -> NDArray[np.int64]:
    """How many of a window's values fall on each point, ``[999, K]``."""
    num_points, draws = len(weights), generator(0, "monitoring", "windows")
    if num_current > SMALL_WINDOW:
        counts = weights.astype(np.int64)
        if num_points <= FEW_POINTS and (counts == weights).all():
            return draws.multivariate_hypergeometric(
                counts, num_current, size=NUM_PERMUTATIONS, method="marginals"
            )
        return draws.multinomial(num_current, weights / weights.sum(), size=NUM_PERMUTATIONS)
    upto = np.cumsum(weights) / weights.sum()
    chosen = np.searchsorted(upto[:-1], _ranks(num_current), "right")
    row = np.arange(NUM_PERMUTATIONS)[:, None] * num_points
    cells = np.bincount((chosen + row).ravel(), minlength=NUM_PERMUTATIONS * num_points)
    return cells.reshape(NUM_PERMUTATIONS, num_points)


@lru_cache(maxsize=8)
def _ranks(num_current: int) -> Floats:
    """Uniform draws ``[999, M]``, shared by columns of one window."""
    ranks = generator(0, "monitoring", "windows").random((NUM_PERMUTATIONS, num_current))
    ranks.setflags(write=False)
    return ranks


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


def _together(before: Floats, counts: NDArray[np.int64], now: Floats) -> tuple[Floats, Floats]:
    """Both sides as one weighted sample of distinct points, sorted; of a window with many distinct values 512
    quantiles stand for all.
    """
    first = np.flatnonzero(np.concatenate(([True], now[1:] != now[:-1])))
    kept, weight = now[first], np.diff(np.append(first, len(now))).astype(np.float64)
    if len(kept) > MOST_POINTS:
        kept = now[((np.arange(MOST_POINTS) + 0.5) / MOST_POINTS * len(now)).astype(np.int64)]
        weight = np.full(MOST_POINTS, len(now) / MOST_POINTS)
    points, weights = np.concatenate([before, kept]), np.concatenate([counts.astype(np.float64), weight])
    held = weights > 0
    place, index = np.unique(points[held], return_inverse=True)
    return place, np.bincount(index, weights=weights[held]).astype(np.float64)
