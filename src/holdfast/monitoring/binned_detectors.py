"""Detectors that compare counts: in bins of a numeric column, or of categories."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from holdfast.monitoring.column_reference import NumericReference
from holdfast.monitoring.counts import (
    bin_counts,
    cramers_v,
    expected_stability_index,
    jensen_shannon,
    pooled_cells,
    pooled_chi_square,
    population_stability_index,
)
from holdfast.monitoring.finding import Finding, finding_about, not_computed, severity_of
from holdfast.monitoring.pair import ColumnPair, NumericWindow

CellCounts = tuple[NDArray[np.int64], NDArray[np.int64]]


@dataclass(frozen=True, kw_only=True)
class PopulationStability:
    """The population stability index over the reference's quantiles.

    Missing, infinite and out-of-range values have bins of their own. One wild value is one row of one bin,
    so that it neither alarms nor hides a shift. The effect is the index, rare bins pooled, less what it is
    on average without any change.
    The p-value is that of Pearson's test on the same bins, rare ones pooled.

    Attributes:
        num_bins: bins between the reference's smallest and largest value; fewer where values repeat.
        slight: index called slight.
        moderate: index called moderate.
        large: index called large.
    """

    num_bins: int = 10
    slight: float = 0.02
    moderate: float = 0.1
    large: float = 0.25

    def __post_init__(self) -> None:
        if self.num_bins < 2:
            raise ValueError(f"num_bins must be 2 or more, got {self.num_bins}")

    @property
    def name(self) -> str:
        """``population_stability``."""
        return "population_stability"

    def applies_to(self, kind: str) -> bool:
        """Numeric and categorical columns."""
        return kind in ("numeric", "categorical")

    def test(self, pair: ColumnPair) -> Finding:
        """Compare all rows of both sides, missing ones included."""
        cells = _quantile_cells(pair, self.num_bins)
        counts, is_cut = cells or _category_cells(pair), cells is not None
        if counts is None:
            return not_computed(pair, self.name)
        before, now = counts
        n, m = int(before.sum()), int(now.sum())
        statistic = population_stability_index(before, now)
        test = pooled_chi_square(before, now, cut_by_reference=is_cut)
        # Rare cells have an index of their own making: the effect is that of the pooled ones.
        pooled = pooled_cells(before, now, cut_by_reference=is_cut)
        usual = expected_stability_index(pooled.shape[1], num_reference=n, num_current=m)
        effect = max(0.0, population_stability_index(*pooled) - usual)
        return finding_about(
            pair,
            kind=self.name,
            statistic=statistic,
            p_value=test.p_value,
            effect=effect,
            effect_unit="index",
            n_reference=n,
            n_current=m,
            severity=severity_of(
                effect, test.p_value, slight=self.slight, moderate=self.moderate, large=self.large
            ),
        )


@dataclass(frozen=True, kw_only=True)
class JensenShannon:
    """The Jensen-Shannon distance in base 2, as NannyML has it.

    Numeric columns: numpy's ``doane`` bins of the reference and one bin for values outside them; a
    reference with one wild value has few useful bins, so look at the stability index beside it. Missing
    values are left out.

    Attributes:
        slight: distance called slight.
        moderate: distance called moderate.
        large: distance called large.
    """

    slight: float = 0.05
    moderate: float = 0.1
    large: float = 0.2

    @property
    def name(self) -> str:
        """``jensen_shannon``."""
        return "jensen_shannon"

    def applies_to(self, kind: str) -> bool:
        """Numeric and categorical columns."""
        return kind in ("numeric", "categorical")

    def test(self, pair: ColumnPair) -> Finding:
        """Compare the shares of both sides; p-value of Pearson's test on the same cells, rare ones pooled."""
        counts = _histogram_cells(pair) or pair.cells
        if counts is None:
            return not_computed(pair, self.name)
        before, now = counts
        statistic = jensen_shannon(before, now)
        test = pooled_chi_square(before, now)
        return finding_about(
            pair,
            kind=self.name,
            statistic=statistic,
            p_value=test.p_value,
            effect=statistic,
            effect_unit="distance",
            n_reference=int(before.sum()),
            n_current=int(now.sum()),
            severity=severity_of(
                statistic, test.p_value, slight=self.slight, moderate=self.moderate, large=self.large
            ),
        )


@dataclass(frozen=True, kw_only=True)
class ChiSquare:
    """Pearson's test on categories, rare and new ones pooled so that its p-value holds.

    The effect is Cramer's V with the bias of many categories taken off: 0 without change, 1 where no
    category is shared.

    Attributes:
        slight: V called slight.
        moderate: V called moderate.
        large: V called large.
    """

    slight: float = 0.05
    moderate: float = 0.1
    large: float = 0.3

    @property
    def name(self) -> str:
        """``chi_square``."""
        return "chi_square"

    def applies_to(self, kind: str) -> bool:
        """Categorical columns."""
        return kind == "categorical"

    def test(self, pair: ColumnPair) -> Finding:
        """Compare the categories of both sides, missing ones left out."""
        if pair.cells is None:
            return not_computed(pair, self.name)
        before, now = pair.cells
        n, m = int(before.sum()), int(now.sum())
        test = pooled_chi_square(before, now)
        effect = cramers_v(test, num_rows=n + m)
        return finding_about(
            pair,
            kind=self.name,
            statistic=test.statistic,
            p_value=test.p_value,
            effect=effect,
            effect_unit="Cramer's V",
            n_reference=n,
            n_current=m,
            severity=severity_of(
                effect, test.p_value, slight=self.slight, moderate=self.moderate, large=self.large
            ),
            note="all values fall into one cell" if test.degrees == 0 else "",
        )


def _quantile_cells(pair: ColumnPair, num_bins: int) -> CellCounts | None:
    """Rows of both sides: below the reference, in its quantile bins, above it, missing, minus and plus
    infinity.
    """
    reference, current = pair.reference, pair.current
    if not (isinstance(reference, NumericReference) and isinstance(current, NumericWindow)):
        return None
    if reference.num_rows == 0 or current.num_rows == 0:
        return None
    if reference.num_finite == 0:
        before, now = np.zeros(1, np.int64), np.array([len(current.values)])
    else:
        levels = np.arange(1, num_bins) / num_bins * reference.num_finite
        place = np.minimum(np.searchsorted(reference.upto, levels), len(reference.knots) - 1)
        place = np.unique(np.append(place, len(reference.knots) - 1))
        edges = reference.knots[place]
        lowest = int(current.num_below(reference.knots[:1])[0])
        upto_now = current.num_upto(edges)
        before = np.diff(np.concatenate(([0, 0], reference.upto[place], [reference.num_finite])))
        now = np.diff(np.concatenate(([0, lowest], upto_now, [len(current.values)])))
    return tuple(
        np.append(cells, [side.num_missing, side.num_negative_infinite, side.num_positive_infinite]).astype(
            np.int64
        )
        for cells, side in ((before, reference), (now, current))
    )  # type: ignore[return-value]  # two sides, two arrays


def _category_cells(pair: ColumnPair) -> CellCounts | None:
    """Rows of both sides by category, missing rows in a cell of their own."""
    if pair.cells is None:
        return None
    before, now = pair.cells
    return np.append(before, pair.reference.num_missing), np.append(now, pair.current.num_missing)


def _histogram_cells(pair: ColumnPair) -> CellCounts | None:
    """Finite values of both sides in the reference's histogram, and outside it."""
    if pair.numeric is None:
        return None
    reference, current = pair.numeric
    inside = bin_counts(current.values, current.inner(reference.histogram_edges))
    return (
        np.append(reference.histogram, reference.num_finite - reference.histogram.sum()),
        np.append(inside, len(current.values) - inside.sum()),
    )
