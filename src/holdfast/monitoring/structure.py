"""What is wrong with a window before anything is compared: each is a finding with a name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from holdfast.monitoring.column_kinds import Family
from holdfast.monitoring.column_reference import CategoricalReference, ColumnReference, NumericReference
from holdfast.monitoring.counts import share_test
from holdfast.monitoring.finding import SEVERITY_LEVEL, Finding, Severity, finding_about
from holdfast.monitoring.pair import CategoricalWindow, ColumnPair, ColumnWindow, NumericWindow, Place

STRUCTURAL_KINDS = (
    "missing_column",
    "unexpected_column",
    "type_changed",
    "empty_window",
    "one_row",
    "all_missing",
    "empty_reference_column",
    "became_constant",
    "no_longer_constant",
    "infinite_values",
    "impossible_values",
    "duplicate_rows",
    "unplaced_rows",
    "new_categories",
    "not_compared",
)
"""Findings that name what is wrong; ``impossible_values`` are found where outcomes are read, duplicate and
unplaced rows where a log is, all others here."""


@dataclass(frozen=True, kw_only=True)
class Window:
    """When a window was, for the findings about it."""

    start: pd.Timestamp | None = None
    end: pd.Timestamp | None = None


def finding_without_rows(
    name: str, kind: str, *, place: Place, window: Window, num_reference: int, note: str
) -> Finding:
    """A finding about a column, or all of them (``*``), that cannot be compared at all."""
    return Finding(
        where=name,
        kind=kind,
        place=place,
        start=window.start,
        end=window.end,
        n_reference=num_reference,
        severity="none" if kind == "unexpected_column" else "broken",
        note=note,
    )


def has_changed_type(before: ColumnReference, now: Family, *, is_categorical: bool) -> bool:
    """Whether a column holds something else than in the reference; a column of nulls alone does not."""
    if "empty" in (before.family, now):
        return False
    if before.family == now:
        return before.kind == "numeric" and is_categorical
    return True


def structural_findings(pair: ColumnPair) -> Iterator[Finding]:
    """What is strange about one column of a window that has rows and the right type."""
    reference, current = pair.reference, pair.current
    if current.num_missing == current.num_rows:
        known = reference.num_missing < reference.num_rows
        yield _about(
            pair,
            "all_missing",
            "broken" if known else "none",
            f"all {current.num_rows} rows are missing"
            + (f"; {_share(reference)} in the reference" if known else ", as in the reference"),
        )
    elif reference.num_missing == reference.num_rows:
        yield _about(pair, "empty_reference_column", "broken", "the reference holds no value of this column")
    if isinstance(reference, NumericReference) and isinstance(current, NumericWindow):
        yield from _numeric_findings(pair, reference, current)
    elif isinstance(reference, CategoricalReference) and isinstance(current, CategoricalWindow):
        yield from _categorical_findings(pair, reference, current)
    else:
        yield _about(
            pair,
            "not_compared",
            "none",
            f"columns of this kind ({reference.family}) are only compared for missing rows",
        )


def _numeric_findings(
    pair: ColumnPair, reference: NumericReference, current: NumericWindow
) -> Iterator[Finding]:
    infinite = current.num_positive_infinite + current.num_negative_infinite
    expected = reference.num_positive_infinite + reference.num_negative_infinite
    if infinite:
        yield _about(
            pair,
            "infinite_values",
            "large" if expected == 0 else "none",
            f"{current.num_positive_infinite} rows of +inf and {current.num_negative_infinite} of -inf; "
            f"{expected} in the reference",
        )
    values = current.values
    is_constant = len(values) > 1 and values[0] == values[-1]
    if reference.num_finite > 1 and is_constant and not reference.is_constant:
        # Values that were nearly always this one, or a window of two rows, may be constant by chance.
        chance = _share_at(reference, float(values[0]) + (current.shift or 0.0)) ** len(values)
        yield _about(
            pair,
            "became_constant",
            "large" if chance < SEVERITY_LEVEL else "none",
            f"all {len(values)} values are the same",
            p_value=chance,
        )
    if reference.is_constant and len(values) and reference.num_finite > 1:
        at_constant = int((current.num_upto(reference.knots) - current.num_below(reference.knots))[0])
        _, chance = share_test((0, reference.num_finite), (len(values) - at_constant, len(values)))
        if at_constant < len(values):
            yield _about(
                pair,
                "no_longer_constant",
                "large" if chance < SEVERITY_LEVEL else "none",
                f"the reference is {reference.knots[0]:g} in every row, "
                f"{len(values) - at_constant} of {len(values)} values are not",
                p_value=chance,
            )


def _share_at(reference: NumericReference, value: float) -> float:
    """Largest share of the reference that one value near ``value`` can have."""
    place = int(np.clip(np.searchsorted(reference.knots, value), 1, len(reference.knots) - 1))
    atoms = (reference.upto - reference.below)[place - 1 : place + 1]
    between = reference.below[place] - reference.upto[place - 1]
    return float(max(atoms.max(), between)) / reference.num_finite


def _categorical_findings(
    pair: ColumnPair, reference: CategoricalReference, current: CategoricalWindow
) -> Iterator[Finding]:
    new = [label for label in current.counts if label not in reference.places]
    total = sum(current.counts.values())
    if not new or total == 0 or not reference.labels:
        return
    rows = sum(current.counts[label] for label in new)
    known = int(reference.counts.sum()) + reference.num_other
    if reference.is_complete:
        # Good and Turing: rows of categories never seen are about as many as those of categories seen once.
        expected, found = int((reference.counts == 1).sum()), rows
    else:
        cells = pair.cells
        expected, found = (0, rows) if cells is None else (int(cells[0][-1]), int(cells[1][-1]))
    difference, p_value = share_test((expected, known), (found, total))
    is_news = p_value < SEVERITY_LEVEL and difference > 0
    severity: Severity = "none"
    if is_news:
        severity = "large" if difference >= 0.2 else "moderate" if difference >= 0.05 else "slight"
    word = "new" if reference.is_complete else "not among those that the reference keeps"
    yield finding_about(
        pair,
        kind="new_categories",
        statistic=rows / total,
        p_value=p_value if difference > 0 else 1.0,
        effect=difference,
        effect_unit="share",
        n_reference=known,
        n_current=total,
        severity=severity,
        note=f"{len(new)} categories in {rows} of {total} rows are {word}: "
        + ", ".join(repr(label) for label in sorted(new)[:5])
        + (" ..." if len(new) > 5 else ""),
    )


def _about(
    pair: ColumnPair, kind: str, severity: Severity, note: str, *, p_value: float | None = None
) -> Finding:
    return finding_about(
        pair,
        kind=kind,
        n_reference=pair.reference.num_rows,
        n_current=pair.current.num_rows,
        p_value=p_value,
        severity=severity,
        note=note,
    )


def _share(column: ColumnReference | ColumnWindow) -> str:
    return f"{column.num_missing / max(column.num_rows, 1):.1%}"
