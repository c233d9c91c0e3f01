"""One column of the reference beside the same column of a window."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from holdfast.core.arrays import Floats
from holdfast.monitoring.column_kinds import category_counts, numbers_of
from holdfast.monitoring.column_reference import CategoricalReference, ColumnReference, NumericReference

Place = Literal["feature", "prediction", "outcome", "slice", "frame"]
"""What the place of a finding is."""


@dataclass(frozen=True, kw_only=True)
class ColumnWindow:
    """Rows of a window in one column: how many, and how many are missing."""

    num_rows: int
    num_missing: int


@dataclass(frozen=True, kw_only=True)
class NumericWindow(ColumnWindow):
    """A numeric column of a window.

    Attributes:
        num_positive_infinite: rows of plus infinity.
        num_negative_infinite: rows of minus infinity.
        values: the finite values, sorted, in the coarser precision of both sides; less ``shift`` and rounded
            to 24 bits where that is not None.
        shift: what was taken off before rounding.
    """

    num_positive_infinite: int
    num_negative_infinite: int
    values: NDArray[np.floating]
    shift: float | None = None

    def inner(self, points: NDArray[np.floating]) -> NDArray[np.floating]:
        """Points in the form in which ``values`` are."""
        if self.shift is not None:
            return np.asarray((points - self.shift).astype(np.float32))
        return single(points) if self.values.dtype == np.float32 else points

    def num_below(self, points: Floats) -> NDArray[np.int64]:
        """How many values are smaller than each point."""
        return np.searchsorted(self.values, self.inner(points), "left").astype(np.int64)

    def num_upto(self, points: Floats) -> NDArray[np.int64]:
        """How many values are no larger than each point."""
        return np.searchsorted(self.values, self.inner(points), "right").astype(np.int64)


@dataclass(frozen=True, kw_only=True)
class CategoricalWindow(ColumnWindow):
    """A categorical column of a window: rows of each category, by label."""

    counts: dict[str, int]


@dataclass(frozen=True, kw_only=True)
class ColumnPair:
    """What a detector compares.

    Attributes:
        name: the column.
        place: feature, prediction, outcome, or a slice of one.
        start: first moment of the window; None if it has no time.
        end: the moment on which the window ends.
        reference: what is remembered of the column.
        current: the rows of the window.
    """

    name: str
    reference: ColumnReference
    current: ColumnWindow
    place: Place = "feature"
    start: pd.Timestamp | None = None
    end: pd.Timestamp | None = None

    @property
    def numeric(self) -> tuple[NumericReference, NumericWindow] | None:
        """Both sides as numbers; None where the column is none or one side has no finite value."""
        reference, current = self.reference, self.current
        if not (isinstance(reference, NumericReference) and isinstance(current, NumericWindow)):
            return None
        return (reference, current) if reference.num_finite and len(current.values) else None

    @cached_property
    def cells(self) -> tuple[NDArray[np.int64], NDArray[np.int64]] | None:
        """Rows of each category on both sides, ``[C]`` each.

        With a reference that keeps every category, new ones have cells of their own at the end. With one
        that keeps the most frequent, the last cell holds all others, and those that were nearly left out.
        None where the column is not categorical or one side has no category.
        """
        reference, current = self.reference, self.current
        if not (isinstance(reference, CategoricalReference) and isinstance(current, CategoricalWindow)):
            return None
        before, now = reference.counts, np.zeros(len(reference.labels), np.int64)
        strange = []
        for label, count in current.counts.items():
            place = reference.places.get(label)
            if place is None:
                strange.append(count)
            else:
                now[place] = count
        if reference.is_complete:
            before = np.append(before, np.zeros(len(strange), np.int64))
            now = np.append(now, np.array(strange, dtype=np.int64))
        else:
            before, now = _head_and_others(reference, now, sum(strange))
        return (before, now) if before.sum() and now.sum() else None


def _head_and_others(
    reference: CategoricalReference, now: NDArray[np.int64], num_strange: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Frequent categories by themselves, all others in one cell.

    A category just frequent enough to be kept was lucky in the reference, and is rarer in any later window.
    So the line is drawn by what both sides hold together, and so high that no category above it could have
    been left out by chance; then both sides are treated alike.
    """
    before = reference.counts
    least = int(before.min()) if len(before) else 0
    total_before, total_now = int(before.sum()) + reference.num_other, int(now.sum()) + num_strange
    line = (least + 6 * np.sqrt(least)) * (total_before + total_now) / max(total_before, 1)
    frequent = before + now >= line
    others = int(before[~frequent].sum()) + reference.num_other, int(now[~frequent].sum()) + num_strange
    return np.append(before[frequent], others[0]), np.append(now[frequent], others[1])


def window_of(column: pd.Series, reference: ColumnReference) -> ColumnWindow:
    """The rows of a window in the form in which ``reference`` compares them.

    Single precision on either side is single precision on both: a tenth is not the same number in both
    precisions. The numbers of a sketch are rounded to 24 bits around the reference's median, which sorts them
    in a third of the time.
    """
    if isinstance(reference, NumericReference):
        numbers = numbers_of(column)
        values, shift = _sorted(numbers.finite, reference)
        return NumericWindow(
            num_rows=len(column),
            num_missing=numbers.num_missing,
            num_positive_infinite=numbers.num_positive_infinite,
            num_negative_infinite=numbers.num_negative_infinite,
            values=values,
            shift=shift,
        )
    if isinstance(reference, CategoricalReference):
        counts, num_missing = category_counts(column)
        return CategoricalWindow(num_rows=len(column), num_missing=num_missing, counts=counts)
    return ColumnWindow(num_rows=len(column), num_missing=int(column.isna().sum()))


def single(values: NDArray[np.floating]) -> NDArray[np.float32]:
    """In single precision; what is too large for it becomes its largest number."""
    largest = np.finfo(np.float32).max
    with np.errstate(over="ignore"):
        rounded = values.astype(np.float32)
    return rounded if np.isfinite(rounded).all() else np.clip(rounded, -largest, largest)


def _is_single(reference: NumericReference) -> bool:
    """Whether the reference holds no more than single precision; of a sketch its knots say so."""
    if reference.values is not None:
        return bool(reference.values.dtype == np.float32)
    knots = reference.knots
    return len(knots) > 0 and bool((single(knots[:1]) == knots[:1]).all() and (single(knots) == knots).all())


def _sorted(
    values: NDArray[np.floating], reference: NumericReference
) -> tuple[NDArray[np.floating], float | None]:
    """The values, sorted; for a sketch less the reference's median and rounded, unless that joins two
    knots.
    """
    if values.dtype != np.float32 and _is_single(reference):
        values = single(values)
    elif reference.values is None and len(reference.knots) and values.dtype != np.float32:
        shift = reference.quantile(0.5)
        with np.errstate(over="ignore"):
            knots = (reference.knots - shift).astype(np.float32)
            ordered = np.sort((values - shift).astype(np.float32))
        ends = np.concatenate([knots[[0, -1]], ordered[:1], ordered[-1:]])
        if np.isfinite(ends).all() and (np.diff(knots) > 0).all():
            return ordered, shift
    return np.sort(values), None
