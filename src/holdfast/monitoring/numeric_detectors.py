"""Detectors of change in the distribution of a numeric column."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from holdfast.monitoring.column_reference import NumericReference
from holdfast.monitoring.empirical import (
    ks_interval,
    ks_p_value,
    ks_test,
    wasserstein,
    weighted_wasserstein,
)
from holdfast.monitoring.finding import Finding, finding_about, not_computed, severity_of
from holdfast.monitoring.pair import ColumnPair, NumericWindow
from holdfast.monitoring.wasserstein_test import wasserstein_p_value


@dataclass(frozen=True, kw_only=True)
class KolmogorovSmirnov:
    """The largest difference of the two distribution functions; blind to how far values moved.

    With an exact reference scipy's statistic and p-value. With a sketch the largest difference at a knot,
    which is short of the true one by no more than the share of a cell; its p-value is then too large,
    but for values that differ by less than the sketch's 24 bits.

    Attributes:
        slight: distance called slight.
        moderate: distance called moderate.
        large: distance called large.
    """

    slight: float = 0.05
    moderate: float = 0.1
    large: float = 0.25

    @property
    def name(self) -> str:
        """``kolmogorov_smirnov``."""
        return "kolmogorov_smirnov"

    def applies_to(self, kind: str) -> bool:
        """Numeric columns."""
        return kind == "numeric"

    def test(self, pair: ColumnPair) -> Finding:
        """Compare the finite values of both sides; the effect is the distance, a share."""
        if pair.numeric is None:
            return not_computed(pair, self.name)
        reference, current = pair.numeric
        n, m = reference.num_finite, len(current.values)
        note = ""
        if reference.values is not None:
            statistic, p_value = ks_test(current.inner(reference.values), current.values)
            low, high = ks_interval(statistic, num_reference=n, num_current=m)
        else:
            statistic, error = _distance_at_knots(reference, current)
            p_value = ks_p_value(max(statistic - reference.rank_error, 0.0), num_reference=n, num_current=m)
            low, high = ks_interval(statistic, num_reference=n, num_current=m)
            low, high = max(0.0, low - reference.rank_error), min(1.0, high + error)
            note = f"from a sketch: the exact distance is no more than {error:.4f} larger"
        return finding_about(
            pair,
            kind=self.name,
            statistic=statistic,
            p_value=p_value,
            effect=statistic,
            effect_unit="share",
            interval=(low, high),
            n_reference=n,
            n_current=m,
            severity=severity_of(
                statistic, p_value, slight=self.slight, moderate=self.moderate, large=self.large
            ),
            note=note,
        )


def _distance_at_knots(reference: NumericReference, current: NumericWindow) -> tuple[float, float]:
    """Largest difference of the distribution functions at the knots, and how much more it may be between
    them.
    """
    n, m = reference.num_finite, len(current.values)
    below, upto = current.num_below(reference.knots) / m, current.num_upto(reference.knots) / m
    at_knots = np.maximum(np.abs(reference.below / n - below), np.abs(reference.upto / n - upto))
    statistic = float(at_knots.max())
    inside = float(((reference.below[1:] - reference.upto[:-1]) / n).max(initial=0.0))
    return statistic, inside + 3 * reference.rank_error


@dataclass(frozen=True, kw_only=True)
class Wasserstein:
    """How far values moved on average.

    The statistic is the exact distance in the column's own unit. The effect and the p-value are robust:
    values are cut off three spreads beyond the reference's outer 1 %, so that one wild value neither alarms
    nor hides a shift, and the effect is in spreads (standard deviations that outliers do not move).

    Attributes:
        slight: spreads called slight.
        moderate: spreads called moderate.
        large: spreads called large.
    """

    slight: float = 0.1
    moderate: float = 0.3
    large: float = 0.8

    @property
    def name(self) -> str:
        """``wasserstein``."""
        return "wasserstein"

    def applies_to(self, kind: str) -> bool:
        """Numeric columns."""
        return kind == "numeric"

    def test(self, pair: ColumnPair) -> Finding:
        """Compare the finite values of both sides; the effect is in spreads, in own units for a constant
        column.
        """
        if pair.numeric is None:
            return not_computed(pair, self.name)
        reference, current = pair.numeric
        n, m = reference.num_finite, len(current.values)
        statistic, trimmed = _distances(reference, current)
        error = 0.0 if reference.values is not None else reference.trimmed_distance_error
        p_value = wasserstein_p_value(reference, current, max(trimmed - error, 0.0))
        unit = reference.spread if reference.spread > 0 else 1.0
        effect = trimmed / unit
        note = "the reference is constant: in the column's own unit" if reference.spread == 0 else ""
        if reference.values is None:
            note = f"from a sketch: the distance errs by {reference.distance_error:.3g} at most"
        return finding_about(
            pair,
            kind=self.name,
            statistic=statistic,
            p_value=p_value,
            effect=effect,
            effect_unit="spreads" if reference.spread > 0 else "own units",
            n_reference=n,
            n_current=m,
            severity=severity_of(
                effect, p_value, slight=self.slight, moderate=self.moderate, large=self.large
            ),
            note=note,
        )


def _distances(reference: NumericReference, current: NumericWindow) -> tuple[float, float]:
    """Distance in the column's unit, of all values and of values cut off at the reference's limits."""
    low, high = current.inner(np.array(reference.limits))
    now = current.values
    cut = np.clip(now, low, high) if now[0] < low or now[-1] > high else now
    if reference.values is None:
        points, weights = reference.support
        points = current.inner(points)
        total = weighted_wasserstein(points, weights, now)
        if cut is now and points[0] >= low and points[-1] <= high:
            return total, total
        return total, weighted_wasserstein(np.clip(points, low, high), weights, cut)
    before = current.inner(reference.values)
    total = wasserstein(before, now)
    if cut is now and before[0] >= low and before[-1] <= high:
        return total, total
    return total, wasserstein(np.clip(before, low, high), cut)
