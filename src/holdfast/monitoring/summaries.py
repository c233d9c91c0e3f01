"""From values to what is remembered of a column.

K knots of N sorted values.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from holdfast.core.arrays import Floats
from holdfast.monitoring.column_kinds import Family, Numbers
from holdfast.monitoring.column_reference import CategoricalReference, NumericReference
from holdfast.monitoring.counts import bin_counts
from holdfast.monitoring.empirical import weighted_wasserstein

NUM_KNOTS = 256
"""Cells between the quantiles that a column is remembered by."""
NUM_CATEGORIES = 1000
"""Categories that a sketch keeps by name."""


@dataclass(frozen=True, kw_only=True)
class Weighted:
    """Sorted values and the counts that they stand for, ``[N]`` each; ``counts`` None where each is
    itself.
    """

    values: NDArray[np.floating]
    counts: NDArray[np.int64] | None = None


def summarise_numbers(
    column: Numbers, *, family: Family, num_knots: int = NUM_KNOTS, keep_values: bool = True
) -> NumericReference:
    """Remember a column that lies in memory.

    Args:
        column: its rows.
        family: what they are.
        num_knots: cells between the knots; a distance from the sketch errs by no more than one over it.
        keep_values: keep all values, sorted: the exact form.

    Returns:
        The reference; without knots where no value is finite.
    """
    values = np.sort(column.finite)
    if len(values) == 0:
        return _numeric(
            column, family, np.zeros(0), np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0)
        )
    wide = values.astype(np.float64, copy=False)
    knots = np.unique(wide[_places(len(wide), num_knots)])
    below = np.searchsorted(wide, knots, "left").astype(np.int64)
    upto = np.searchsorted(wide, knots, "right").astype(np.int64)
    middle = np.minimum((upto[:-1] + below[1:]) // 2, len(wide) - 1)
    medians = np.where(below[1:] > upto[:-1], wide[middle], knots[:-1] / 2 + knots[1:] / 2)
    summary = _numeric(column, family, knots, below, upto, medians)
    edges = _doane_edges(wide)
    summary = replace(
        summary,
        mean=float(wide.mean()),
        std=float(wide.std()),
        histogram_edges=edges,
        histogram=bin_counts(wide, edges),
        values=values if keep_values else None,
    )
    points, weights = summary.support
    kept, held = np.clip(points, *summary.limits), np.clip(wide, *summary.limits)
    return replace(
        summary,
        distance_error=weighted_wasserstein(points, weights, wide),
        trimmed_distance_error=weighted_wasserstein(kept, weights, held),
    )


def summarise_weighted(
    column: Numbers, held: Weighted, *, family: Family, rank_error: int, moments: tuple[float, float, float]
) -> NumericReference:
    """Remember a column read in one pass: ``column`` counts its strange rows, ``held`` is its quantile
    sketch.

    Args:
        column: the counts of missing and infinite rows.
        held: the sketch.
        family: what the values are.
        rank_error: largest error of a rank, in values.
        moments: mean, standard deviation and skewness of the values, exact.
    """
    values, counts = held.values.astype(np.float64), held.counts
    if len(values) == 0 or counts is None:
        return _numeric(
            column, family, np.zeros(0), np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0)
        )
    rank = np.concatenate(([0], np.cumsum(counts)))
    total = int(rank[-1])
    wanted = np.searchsorted(rank[1:], _places(total, NUM_KNOTS), "right")
    knots = np.unique(values[np.minimum(wanted, len(values) - 1)])
    first, last = np.searchsorted(values, knots, "left"), np.searchsorted(values, knots, "right")
    begin, end = last[:-1], first[1:]
    halfway = np.searchsorted(rank[1:], (rank[begin] + rank[end]) / 2, "right")
    medians = np.where(
        end > begin, values[np.minimum(halfway, len(values) - 1)], knots[:-1] / 2 + knots[1:] / 2
    )
    edges = _doane(values[0], values[-1], total, *moments)
    place = np.searchsorted(values, edges, "left")
    place[-1] = len(values)
    summary = _numeric(column, family, knots, rank[first], rank[last], medians)
    summary = replace(
        summary,
        rank_error=rank_error / total,
        mean=moments[0],
        std=moments[1],
        histogram_edges=edges,
        histogram=np.diff(rank[place]).astype(np.int64),
    )
    return replace(
        summary,
        distance_error=_cell_spread(summary, summary.knots, rank_error=rank_error),
        trimmed_distance_error=_cell_spread(
            summary, np.clip(summary.knots, *summary.limits), rank_error=rank_error
        ),
    )


def summarise_categories(
    counts: dict[str, int],
    *,
    num_missing: int,
    family: Family,
    num_kept: int | None = None,
    num_other: int = 0,
    num_distinct: int | None = None,
) -> CategoricalReference:
    """Remember a categorical column: all categories, or the ``num_kept`` most frequent and the sum of the
    others.

    Args:
        counts: rows of each category.
        num_missing: rows without one.
        family: what the values are.
        num_kept: categories that are kept by name; all where None.
        num_other: rows of categories that were already dropped.
        num_distinct: distinct categories, if others than those in ``counts`` were seen.
    """
    order = sorted(counts, key=lambda label: (-counts[label], label))
    kept = order if num_kept is None else order[:num_kept]
    dropped = sum(counts[label] for label in order[len(kept) :])
    return CategoricalReference(
        family=family,
        kind="categorical",
        num_rows=sum(counts.values()) + num_other + num_missing,
        num_missing=num_missing,
        labels=tuple(kept),
        counts=np.array([counts[label] for label in kept], dtype=np.int64),
        num_other=num_other + dropped,
        num_distinct=len(counts) if num_distinct is None else num_distinct,
    )


def _numeric(
    column: Numbers,
    family: Family,
    knots: Floats,
    below: NDArray[np.int64],
    upto: NDArray[np.int64],
    cell_medians: Floats,
) -> NumericReference:
    infinite = column.num_positive_infinite + column.num_negative_infinite
    num_finite = int(upto[-1]) if len(upto) else 0
    return NumericReference(
        family=family,
        kind="numeric",
        num_rows=num_finite + column.num_missing + infinite,
        num_missing=column.num_missing,
        num_positive_infinite=column.num_positive_infinite,
        num_negative_infinite=column.num_negative_infinite,
        knots=knots,
        below=below,
        upto=upto,
        cell_medians=cell_medians,
        rank_error=0.0,
        distance_error=0.0,
        trimmed_distance_error=0.0,
        mean=0.0,
        std=0.0,
        histogram_edges=np.zeros(0),
        histogram=np.zeros(0, dtype=np.int64),
    )


def _places(num_values: int, num_knots: int) -> NDArray[np.int64]:
    """Ranks of the knots: evenly spaced, both ends, and half a percent from either, so that ends may be
    outliers.
    """
    shares = np.concatenate([np.linspace(0, 1, num_knots + 1), [0.005, 0.995]])
    return np.unique((shares * (num_values - 1)).astype(np.int64))


def _doane_edges(values: Floats) -> Floats:
    """numpy's ``doane`` bins of the reference."""
    with np.errstate(over="ignore", invalid="ignore"):
        spread = values.std()
        skewness = float((((values - values.mean()) / spread) ** 3).mean()) if spread > 0 else 0.0
    return _doane(
        float(values[0]), float(values[-1]), len(values), float(values.mean()), float(spread), skewness
    )


def _doane(low: float, high: float, total: int, mean: float, std: float, skewness: float) -> Floats:
    """Edges of Doane's rule as numpy has it, one bin wider by a half on each side for a constant."""
    if high == low:
        return np.array([low - 0.5, high + 0.5])
    if total <= 2 or std == 0.0 or not np.isfinite([std, skewness, high - low]).all():
        return np.linspace(low, high, 2)
    error = np.sqrt(6.0 * (total - 2) / ((total + 1.0) * (total + 3)))
    width = (high - low) / (1.0 + np.log2(total) + np.log2(1.0 + abs(skewness) / error))
    return np.linspace(low, high, max(1, int(np.ceil((high - low) / width))) + 1)


def _cell_spread(summary: NumericReference, knots: Floats, *, rank_error: int) -> float:
    """Bound on the Wasserstein distance of a one-pass sketch from its values: no value leaves its cell."""
    inside = summary.below[1:] - summary.upto[:-1] + 2 * rank_error
    return float(np.dot(np.diff(knots), inside)) / summary.num_finite
