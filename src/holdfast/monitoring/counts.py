"""Distances and tests on counts: C cells of the reference beside the same cells of a window."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Counts = NDArray[np.integer]

SMALL_EXPECTED = 5.0
"""Expected count below which a cell is pooled, as Cochran advises: the chi-square law fails there."""


FEW_EXPECTED = 20.0
"""Expected count in the smallest cell below which p-values allow for the size of both sides."""


class Homogeneity(NamedTuple):
    """Pearson's test that both sides have the same shares."""

    statistic: float
    p_value: float
    degrees: int
    """Degrees of freedom; 0 where everything fell into one cell, and then the statistic is 0 and p is 1."""


def pooled_chi_square(
    reference: Counts, current: Counts, *, small: float = SMALL_EXPECTED, cut_by_reference: bool = False
) -> Homogeneity:
    r"""Pearson's :math:`\chi^2` that two rows of counts have the same shares, rare cells pooled into one.

    Cells are pooled by what both sides hold *together*, which says nothing about their difference, so that
    p keeps its meaning; with a thousand rare categories the unpooled test alarms without any change.

    Args:
        reference: counts, ``[C]``.
        current: counts of the same cells, ``[C]``.
        small: cells whose smaller expected count is below this are pooled.
        cut_by_reference: the cells are quantiles of the reference, see ``pooled_cells``.

    Returns:
        Statistic, p-value in [0, 1] and degrees of freedom.
    """
    table = pooled_cells(reference, current, small=small, cut_by_reference=cut_by_reference)
    if table.shape[1] < 2:
        return Homogeneity(0.0, 1.0, 0)
    n, m = table.sum(axis=1)
    expected_table = np.outer([n, m], table.sum(axis=0)) / (n + m)
    statistic = float(((table - expected_table) ** 2 / expected_table).sum())
    degrees = table.shape[1] - 1
    p_value = float(stats.chi2.sf(statistic, degrees))
    if expected_table.min() < FEW_EXPECTED:
        p_value = max(p_value, _few_rows_p_value(statistic, table))
    return Homogeneity(statistic, p_value, degrees)


def _few_rows_p_value(statistic: float, table: NDArray[np.float64]) -> float:
    """Of Pearson's statistic by a gamma law with the mean and the variance that it has given all margins.

    Where few rows are held against many, the statistic varies more than the chi-square law allows. Source:
    Mielke and Berry (1985) for both moments.
    """
    total, cells = float(table.sum()), table.shape[1]
    if total < 4:
        return 1.0
    mean = (cells - 1) * total / (total - 1)
    sides = (table.sum(axis=1), 2), (table.sum(axis=0), cells)
    free = [(number - 1) * (total - number) / (total - 1) for _, number in sides]
    uneven = [
        max(total * float((1.0 / margin).sum()) - number**2, 0.0) / (total - 2) for margin, number in sides
    ]
    variance = 2 * total / (total - 3) * (free[0] - uneven[0]) * (free[1] - uneven[1])
    variance += total**2 / (total - 1) * uneven[0] * uneven[1]
    if variance <= 0.0:
        return 1.0
    return float(stats.gamma.sf(statistic, mean**2 / variance, scale=variance / mean))


def pooled_cells(
    reference: Counts, current: Counts, *, small: float = SMALL_EXPECTED, cut_by_reference: bool = False
) -> NDArray[np.float64]:
    """Counts of both sides with rare cells pooled into the last one, ``[2, P]``; no cells where one side
    is empty.

    Quantiles of the reference hold what they hold by construction, so that both sides together would tell
    which cells the window has few of: there (``cut_by_reference``) the reference alone says what is rare.
    """
    table = np.stack([np.asarray(reference, dtype=np.float64), np.asarray(current, dtype=np.float64)])
    n, m = table.sum(axis=1)
    if n == 0 or m == 0:
        return np.zeros((2, 0))
    share = min(n, m) / (n + m)
    rare = table.sum(axis=0) * share < small
    if cut_by_reference:
        rare = table[0] * (min(n, m) / n) < small
    pool = table[:, rare].sum(axis=1, keepdims=True)
    table = table[:, ~rare]
    if pool.sum() == 0:
        return table
    is_small = pool.sum() * share < small and table.shape[1] > 0
    table = np.concatenate([table, pool], axis=1)
    return _joined_with_rarest(table) if is_small else table


def _joined_with_rarest(table: NDArray[np.float64]) -> NDArray[np.float64]:
    """A pool that is itself too small joins the rarest of the other cells."""
    rarest = int(table[:, :-1].sum(axis=0).argmin())
    joined = table[:, :-1].copy()
    joined[:, rarest] += table[:, -1]
    return joined


def cramers_v(test: Homogeneity, *, num_rows: int) -> float:
    """Size of a difference in shares, from 0 to 1, with the bias of many cells taken off.

    Source: Bergsma (2013), for a table of two rows.
    """
    if test.degrees == 0 or num_rows <= 1:
        return 0.0
    # A table of two rows has (C - 1) degrees of freedom, and the smaller side is 2 - 1/(rows - 1).
    corrected = max(0.0, test.statistic / num_rows - test.degrees / (num_rows - 1))
    return min(1.0, math.sqrt(corrected / (1 - 1 / (num_rows - 1)))) if num_rows > 2 else 0.0


def population_stability_index(reference: Counts, current: Counts) -> float:
    r"""Population stability index :math:`\sum_c (q_c - p_c) \ln (q_c / p_c)` with half a count added to
    every cell.

    Args:
        reference: counts, ``[C]``.
        current: counts of the same cells, ``[C]``.

    Returns:
        0 or more; half a count keeps it finite where one side is empty.
    """
    p, q = _smoothed(reference), _smoothed(current)
    return float(((q - p) * np.log(q / p)).sum())


def expected_stability_index(num_cells: int, *, num_reference: int, num_current: int) -> float:
    """What the index is on average without any change: cells less one, times (1/N + 1/M)."""
    return max(num_cells - 1, 0) * (1 / num_reference + 1 / num_current)


def _smoothed(counts: Counts) -> NDArray[np.float64]:
    smoothed = np.asarray(counts, dtype=np.float64) + 0.5
    share: NDArray[np.float64] = smoothed / smoothed.sum()
    return share


def jensen_shannon(reference: Counts, current: Counts) -> float:
    r"""Jensen-Shannon distance in base 2: the root of the mean divergence to the mixture of both shares.

    Args:
        reference: counts, ``[C]``.
        current: counts of the same cells, ``[C]``.

    Returns:
        A distance in [0, 1].

    Raises:
        ValueError: one side has no counts.
    """
    p, q = np.asarray(reference, dtype=np.float64), np.asarray(current, dtype=np.float64)
    if p.sum() == 0 or q.sum() == 0:
        raise ValueError("a Jensen-Shannon distance needs counts on both sides; one is empty")
    p, q = p / p.sum(), q / q.sum()
    middle = (p + q) / 2
    divergence = 0.0
    for share in (p, q):
        held = share > 0
        divergence += float((share[held] * np.log2(share[held] / middle[held])).sum()) / 2
    return math.sqrt(min(max(divergence, 0.0), 1.0))


def bin_counts(values: NDArray[np.floating], edges: NDArray[np.floating]) -> NDArray[np.int64]:
    """How many of the sorted ``values`` lie in each bin, closed on the left; the last bin on both sides.

    Values outside the edges are in no bin. Shape ``[len(edges) - 1]``.
    """
    place = np.searchsorted(values, edges, "left")
    place[-1] = np.searchsorted(values, edges[-1], "right")
    return np.diff(place).astype(np.int64)


def share_test(reference: tuple[int, int], current: tuple[int, int]) -> tuple[float, float]:
    """Difference of two shares (current less reference) and the p-value of "no difference".

    Each side is (how many, of how many). Fisher's exact test for up to 1,000 rows together or rare events,
    Pearson's test otherwise.
    """
    (a, n), (b, m) = reference, current
    if n == 0 or m == 0:
        return 0.0, 1.0
    difference = b / m - a / n
    expected = min(a + b, n + m - a - b) * min(n, m) / (n + m)
    if expected < SMALL_EXPECTED or n + m <= 1000:
        return difference, float(stats.fisher_exact([[a, n - a], [b, m - b]]).pvalue)
    test = pooled_chi_square(np.array([a, n - a]), np.array([b, m - b]), small=0.0)
    return difference, test.p_value


def share_interval(reference: tuple[int, int], current: tuple[int, int]) -> tuple[float, float]:
    """95 % interval of the difference of two shares, from Wilson's intervals of each. Source: Newcombe
    (1998).
    """
    (a, n), (b, m) = reference, current
    low_a, high_a = _wilson(a, n)
    low_b, high_b = _wilson(b, m)
    p, q = a / n, b / m
    difference = q - p
    return (
        max(-1.0, difference - math.hypot(q - low_b, high_a - p)),
        min(1.0, difference + math.hypot(high_b - q, p - low_a)),
    )


def _wilson(count: int, total: int) -> tuple[float, float]:
    z = 1.959963984540054
    share = count / total
    middle = (share + z * z / (2 * total)) / (1 + z * z / total)
    half = z / (1 + z * z / total) * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    return middle - half, middle + half
