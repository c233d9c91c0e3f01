"""What is remembered of one column of the reference.

K knots (quantiles) of a numeric column, C categories of a categorical one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from holdfast.core.arrays import Floats
from holdfast.monitoring.column_kinds import Family, Kind
from holdfast.monitoring.wasserstein_null import WassersteinNull

TRIM_SHARE = 0.01
"""Share of the reference on either side beyond which a value counts as an outlier of its column."""
TRIM_SPREADS = 3.0
"""How many spreads further out values are cut off before a robust distance."""


@dataclass(frozen=True, kw_only=True)
class ColumnReference:
    """What every column has: its kind, and how many rows are missing.

    Attributes:
        family: what its values are.
        kind: how it is compared.
        num_rows: rows of the reference.
        num_missing: rows that are null or NaN.
    """

    family: Family
    kind: Kind
    num_rows: int
    num_missing: int


@dataclass(frozen=True, kw_only=True)
class NumericReference(ColumnReference):
    """A numeric column: quantile knots with exact ranks, and all values where the exact form is kept.

    Attributes:
        num_positive_infinite: rows of plus infinity.
        num_negative_infinite: rows of minus infinity.
        knots: distinct quantiles, the smallest and the largest value among them, ``[K]``; empty without
        values. below: finite values smaller than each knot, ``[K]``.
        upto: finite values no larger than each knot, ``[K]``.
        cell_medians: median of the values strictly between two knots, ``[K - 1]``; their middle where there
        are none. rank_error: largest error of ``below`` and ``upto`` as a share; 0 unless read in one pass.
        distance_error: Wasserstein-1 distance between the values and their sketch, or a bound on it.
        trimmed_distance_error: the same with values cut off at ``limits``.
        mean: mean of the finite values.
        std: their standard deviation.
        histogram_edges: edges of numpy's ``doane`` bins, ``[bins + 1]``; empty without values.
        histogram: counts in these bins, ``[bins]``.
        values: all finite values, sorted; None in the sketch form.
    """

    num_positive_infinite: int
    num_negative_infinite: int
    knots: Floats
    below: NDArray[np.int64]
    upto: NDArray[np.int64]
    cell_medians: Floats
    rank_error: float
    distance_error: float
    trimmed_distance_error: float
    mean: float
    std: float
    histogram_edges: Floats
    histogram: NDArray[np.int64]
    values: NDArray[np.floating] | None = None

    @property
    def num_finite(self) -> int:
        """Values that are neither missing nor infinite."""
        return int(self.upto[-1]) if len(self.upto) else 0

    @property
    def is_constant(self) -> bool:
        """Whether all finite values are the same."""
        return len(self.knots) == 1

    def quantile(self, share: float) -> float:
        """The smallest knot that at least ``share`` of the finite values do not exceed.

        Raises:
            ValueError: there are no finite values.
        """
        if not len(self.knots):
            raise ValueError("a column without finite values has no quantiles")
        place = int(np.searchsorted(self.upto, share * self.num_finite))
        return float(self.knots[min(place, len(self.knots) - 1)])

    @cached_property
    def spread(self) -> float:
        """A standard deviation that outliers do not move, in the column's unit; 0 for a constant.

        The interquartile range over 1.349, which is 1 for a standard normal column; where half of the
        values are the same, the standard deviation of the values within the outer 1 %.
        """
        if not len(self.knots) or self.is_constant:
            return 0.0
        middle = (self.quantile(0.75) - self.quantile(0.25)) / 1.349
        if middle > 0:
            return middle
        support, weights = self.support
        kept = np.clip(support, self.quantile(TRIM_SHARE), self.quantile(1 - TRIM_SHARE))
        centre = np.average(kept, weights=weights)
        return float(np.sqrt(np.average((kept - centre) ** 2, weights=weights)))

    @cached_property
    def limits(self) -> tuple[float, float]:
        """Where outliers are cut off before a robust distance; infinite where the column has no spread."""
        if self.spread == 0.0:
            return -np.inf, np.inf
        reach = TRIM_SPREADS * self.spread
        return self.quantile(TRIM_SHARE) - reach, self.quantile(1 - TRIM_SHARE) + reach

    @cached_property
    def support(self) -> tuple[Floats, NDArray[np.int64]]:
        """The sketch as a weighted sample: knots and cell medians in turn, and how many values each stands
        for.
        """
        points = np.empty(2 * len(self.knots) - 1)
        weights = np.empty(len(points), dtype=np.int64)
        points[::2], points[1::2] = self.knots, self.cell_medians
        weights[::2], weights[1::2] = self.upto - self.below, self.below[1:] - self.upto[:-1]
        return points, weights

    @cached_property
    def wasserstein_null(self) -> WassersteinNull:
        """How large a robust Wasserstein distance is without any change."""
        points, weights = self.support
        return WassersteinNull.of(np.clip(points, *self.limits), weights)


@dataclass(frozen=True, kw_only=True)
class CategoricalReference(ColumnReference):
    """A categorical column: its categories with their counts.

    Attributes:
        labels: the categories that are kept, most frequent first, ``[C]``.
        counts: rows of each, ``[C]``.
        num_other: rows of categories that are not kept.
        num_distinct: distinct categories, kept or not.
    """

    labels: tuple[str, ...]
    counts: NDArray[np.int64]
    num_other: int
    num_distinct: int

    @property
    def is_complete(self) -> bool:
        """Whether every category is kept, so that a category not among them is new."""
        return self.num_other == 0

    @cached_property
    def places(self) -> dict[str, int]:
        """Where each label stands."""
        return {label: place for place, label in enumerate(self.labels)}
