"""Detectors of values that are not there: missing and infinite ones."""

from __future__ import annotations

from dataclasses import dataclass

from holdfast.monitoring.column_reference import NumericReference
from holdfast.monitoring.counts import share_interval, share_test
from holdfast.monitoring.finding import Finding, finding_about, not_computed, severity_of
from holdfast.monitoring.pair import ColumnPair, NumericWindow


@dataclass(frozen=True, kw_only=True)
class MissingRate:
    """Share of missing rows, current less reference.

    Attributes:
        slight: difference called slight.
        moderate: difference called moderate.
        large: difference called large.
    """

    slight: float = 0.01
    moderate: float = 0.05
    large: float = 0.2

    @property
    def name(self) -> str:
        """``missing_rate``."""
        return "missing_rate"

    def applies_to(self, kind: str) -> bool:
        """Columns of any kind."""
        return True

    def test(self, pair: ColumnPair) -> Finding:
        """Compare all rows of both sides; Newcombe's interval of the difference."""
        return _share_finding(
            pair,
            self.name,
            (pair.reference.num_missing, pair.reference.num_rows),
            (pair.current.num_missing, pair.current.num_rows),
            limits=(self.slight, self.moderate, self.large),
        )


@dataclass(frozen=True, kw_only=True)
class InfiniteShare:
    """Share of infinite rows, current less reference.

    Attributes:
        slight: difference called slight.
        moderate: difference called moderate.
        large: difference called large.
    """

    slight: float = 0.0001
    moderate: float = 0.01
    large: float = 0.1

    @property
    def name(self) -> str:
        """``infinite_share``."""
        return "infinite_share"

    def applies_to(self, kind: str) -> bool:
        """Numeric columns."""
        return kind == "numeric"

    def test(self, pair: ColumnPair) -> Finding:
        """Compare all rows of both sides; Newcombe's interval of the difference."""
        reference, current = pair.reference, pair.current
        if not (isinstance(reference, NumericReference) and isinstance(current, NumericWindow)):
            return not_computed(pair, self.name)
        before, now = (
            side.num_positive_infinite + side.num_negative_infinite for side in (reference, current)
        )
        return _share_finding(
            pair,
            self.name,
            (before, reference.num_rows),
            (now, current.num_rows),
            limits=(self.slight, self.moderate, self.large),
        )


def _share_finding(
    pair: ColumnPair,
    name: str,
    reference: tuple[int, int],
    current: tuple[int, int],
    *,
    limits: tuple[float, float, float],
) -> Finding:
    if reference[1] == 0 or current[1] == 0:
        return not_computed(pair, name)
    difference, p_value = share_test(reference, current)
    slight, moderate, large = limits
    return finding_about(
        pair,
        kind=name,
        statistic=current[0] / current[1],
        p_value=p_value,
        effect=difference,
        effect_unit="share",
        interval=share_interval(reference, current),
        n_reference=reference[1],
        n_current=current[1],
        severity=severity_of(difference, p_value, slight=slight, moderate=moderate, large=large),
        note=f"{current[0]} of {current[1]} rows, {reference[0]} of {reference[1]} in the reference",
    )
