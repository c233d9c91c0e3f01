"""All columns of a window beside their reference."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import pandas as pd

from holdfast.monitoring.binned_detectors import ChiSquare, PopulationStability
from holdfast.monitoring.column_kinds import family_of, is_coded
from holdfast.monitoring.finding import Detector, Finding
from holdfast.monitoring.numeric_detectors import KolmogorovSmirnov, Wasserstein
from holdfast.monitoring.pair import ColumnPair, Place, window_of
from holdfast.monitoring.reference import Reference, check_columns
from holdfast.monitoring.share_detectors import InfiniteShare, MissingRate
from holdfast.monitoring.structure import (
    Window,
    finding_without_rows,
    has_changed_type,
    structural_findings,
)


def default_detectors() -> tuple[Detector, ...]:
    """Those that ``monitor_columns`` runs unless it is told otherwise."""
    return (
        KolmogorovSmirnov(),
        Wasserstein(),
        PopulationStability(),
        ChiSquare(),
        MissingRate(),
        InfiniteShare(),
    )


def monitor_columns(
    reference: Reference,
    frame: pd.DataFrame,
    *,
    detectors: Sequence[Detector] | None = None,
    places: Mapping[str, Place] | None = None,
    start: pd.Timestamp | None = None,
    end: pd.Timestamp | None = None,
) -> pd.DataFrame:
    """Compare every column of a window with its reference.

    Args:
        reference: what to compare with.
        frame: rows of the window; any number, columns of any type.
        detectors: ``default_detectors()`` where None.
        places: which columns are predictions or outcomes; the others are features.
        start: first moment of the window, for the findings.
        end: the moment on which it ends, which is not of it; see ``Finding``.

    Returns:
        One row per column and detector that applies, and one for everything that is wrong with a column
        before it is compared; the fields of ``Finding`` as columns.

    Raises:
        UserError: two columns of one name.
    """
    found = find_in_columns(
        reference, frame, detectors=detectors, places=places, window=Window(start=start, end=end)
    )
    return findings_table(found)


def findings_table(findings: Iterator[Finding] | Sequence[Finding]) -> pd.DataFrame:
    """Findings as a table, one row each."""
    columns = list(Finding(where="", kind="").as_row())
    table = pd.DataFrame([finding.as_row() for finding in findings], columns=columns)
    numbers = ["statistic", "p_value", "effect", "effect_low", "effect_high"]
    return table.astype(dict.fromkeys(numbers, "float64") | {"n_reference": "int64", "n_current": "int64"})


def find_in_columns(
    reference: Reference,
    frame: pd.DataFrame,
    *,
    detectors: Sequence[Detector] | None = None,
    places: Mapping[str, Place] | None = None,
    window: Window | None = None,
) -> Iterator[Finding]:
    """The findings of ``monitor_columns`` one by one; holds the values of one column at a time."""
    check_columns(frame.columns, [])
    chosen = default_detectors() if detectors is None else detectors
    when, named = window or Window(), places or {}
    if len(frame) == 0:
        note = "the window has no rows: the log stops, or a filter removes all"
        yield finding_without_rows(
            "*", "empty_window", place="frame", window=when, num_reference=reference.num_rows, note=note
        )
    elif len(frame) == 1:
        note = "the window has one row: it can hardly differ from anything"
        yield Finding(
            where="*",
            kind="one_row",
            place="frame",
            start=when.start,
            end=when.end,
            n_reference=reference.num_rows,
            n_current=1,
            note=note,
        )
    present = {str(name): name for name in frame.columns}
    for name in reference.columns:
        place = named.get(name, "feature")
        if name not in present:
            note = "the reference has this column, the window has not"
            yield finding_without_rows(
                name, "missing_column", place=place, window=when, num_reference=reference.num_rows, note=note
            )
        elif len(frame):
            yield from _column_findings(reference, name, frame[present[name]], chosen, place, when)
    for name in present:
        if name not in reference.columns and name != reference.time_column:
            yield finding_without_rows(
                name,
                "unexpected_column",
                place=named.get(name, "feature"),
                window=when,
                num_reference=0,
                note="the window has this column, the reference has not",
            )


def _column_findings(
    reference: Reference,
    name: str,
    column: pd.Series,
    detectors: Sequence[Detector],
    place: Place,
    window: Window,
) -> Iterator[Finding]:
    before = reference.columns[name]
    family = family_of(column)
    if has_changed_type(before, family, is_categorical=is_coded(column)):
        yield finding_without_rows(
            name,
            "type_changed",
            place=place,
            window=window,
            num_reference=before.num_rows,
            note=f"{before.family} in the reference, {family} ({column.dtype}) in the window: "
            "nothing else of it was compared",
        )
        return
    pair = ColumnPair(
        name=name,
        place=place,
        start=window.start,
        end=window.end,
        reference=before,
        current=window_of(column, before),
    )
    yield from structural_findings(pair)
    for detector in detectors:
        if detector.applies_to(before.kind):
            yield detector.test(pair)
