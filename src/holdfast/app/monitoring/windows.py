"""Windows of whole local days, and what is said about each.

N rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd

from holdfast.app.monitoring.scored_rows import Outcome, ScoredRows
from holdfast.core.arrays import Bools, Ints
from holdfast.monitoring.calibration import CalibrationWatch
from holdfast.monitoring.days import day_window
from holdfast.monitoring.finding import Finding
from holdfast.monitoring.late_labels import (
    Completion,
    LateLabels,
    late_label_findings,
    late_label_history,
    late_label_table,
)
from holdfast.monitoring.monitoring_columns import find_in_columns
from holdfast.monitoring.pair import Place
from holdfast.monitoring.reference import Reference
from holdfast.monitoring.structure import Window


@dataclass(frozen=True)
class Days:
    """A window of whole local days.

    Attributes:
        first: its first day, counted from 1970-01-01.
        num_days: how many.
        zone: time zone of the days.
    """

    first: int
    num_days: int
    zone: str

    @property
    def window(self) -> Window:
        """Its moments."""
        return day_window(self.first, zone=self.zone, num_days=self.num_days)

    @property
    def days(self) -> list[Days]:
        """Its days, as windows of their own."""
        return [Days(day, 1, self.zone) for day in range(self.first, self.first + self.num_days)]

    def holds(self, day: Ints) -> Bools:
        """Which rows are of it, ``[N]``."""
        return np.asarray((day >= self.first) & (day < self.first + self.num_days))


def windows_of(first: int, end: int, *, num_days: int, zone: str) -> list[Days]:
    """Whole windows from ``first`` to before ``end``; days left over at the end are too few for one."""
    return [Days(day, num_days, zone) for day in range(first, end - num_days + 1, num_days)]


def column_findings(reference: Reference, rows: ScoredRows, window: Window | None) -> list[Finding]:
    """Features and predictions of one window beside the reference."""
    places: dict[str, Place] = dict.fromkeys(map(str, rows.predictions), "prediction")
    return list(find_in_columns(reference, rows.watched(), places=places, window=window))


def calibration_table(
    rows: ScoredRows, windows: Sequence[Days], slices: Sequence[str], *, null_draws: int = 0
) -> pd.DataFrame:
    """Predicted over observed by head, window and slice; see ``CalibrationWatch.table``.

    Args:
        rows: of the windows.
        windows: in order of time.
        slices: features by whose values it is told.
        null_draws: for the calibration error of all rows of a window; 0 leaves it out.
    """
    parts = [
        _watch_of(head, null_draws=null_draws)
        .table(
            outcome.predicted,
            outcome.observed,
            users=rows.user,
            days=window_code(rows.day, windows),
            known=outcome.known,
            slices={name: _told_apart(rows.features[name]) for name in slices if name in rows.features},
        )
        .assign(head=head)
        for head, outcome in rows.outcomes.items()
        if len(rows)
    ]
    kept = [part for part in parts if len(part)]
    return pd.concat(kept, ignore_index=True) if kept else pd.DataFrame(columns=["head", "day", "slice", "n"])


def calibration_findings(table: pd.DataFrame, windows: Sequence[Days]) -> Iterator[Finding]:
    """The table as findings, each with its window."""
    if not windows or table.empty:
        return
    ends = {each.window.start: each.window.end for each in windows}
    for head, part in table.groupby("head", sort=False):
        watch = _watch_of(str(head))
        told = part[part["n"] + part["impossible"] > 0]
        for finding in watch.findings(told, zone=windows[0].zone):
            alone = finding.start is None or windows[0].num_days == 1
            yield finding if alone else replace(finding, end=ends[finding.start])


def unknown_clicks(rows: ScoredRows, windows: Sequence[Days]) -> Iterator[Finding]:
    """Windows with rows of which nobody says whether they were clicked, which is known at once if ever.

    Other outcomes may be unknown everywhere: nothing was opened, or all is too young.
    """
    if "click" not in rows.outcomes:
        return
    known = rows.outcomes["click"].known
    for window in windows:
        here = window.holds(rows.day)
        if here.any() and not known[here].any():
            yield Finding(
                where="click",
                kind="all_missing",
                place="outcome",
                start=window.window.start,
                end=window.window.end,
                n_current=int(here.sum()),
                severity="broken",
                note=f"whether they were clicked is known of none of {int(here.sum())} rows",
            )


def late_table(
    outcome: Outcome, rows: ScoredRows, windows: Sequence[Days], completion: Completion
) -> pd.DataFrame:
    """Matured and expected outcomes by day; see ``late_label_table``."""
    assert outcome.age is not None and outcome.delay is not None
    labels = LateLabels(rows.day, outcome.age, outcome.delay, outcome.horizon_days)
    return late_label_table(labels, outcome.predicted, users=rows.user, completion=completion)


def late_findings(table: pd.DataFrame, head: str, zone: str) -> list[Finding]:
    """Of days that are too young for a calibration of matured rows."""
    young = table[table["matured"] == 0]
    return late_label_findings(young, head=head, zone=zone) if len(young) else []


def late_history(rows: ScoredRows, completion: Completion, zone: str) -> list[Finding]:
    """How the reference's days would have looked while they were young; see ``late_label_history``."""
    found = []
    for head, outcome in rows.outcomes.items():
        if outcome.age is not None and outcome.delay is not None:
            labels = LateLabels(rows.day, outcome.age, outcome.delay, outcome.horizon_days)
            found += late_label_history(
                labels, outcome.predicted, users=rows.user, completion=completion, head=head, zone=zone
            )
    return found


def window_code(day: Ints, windows: Sequence[Days]) -> Ints:
    """The first day of each row's window, ``[N]``."""
    first, num_days = windows[0].first, windows[0].num_days
    return np.asarray(first + (day - first) // num_days * num_days)


def _watch_of(head: str, *, null_draws: int = 0) -> CalibrationWatch:
    # Slices would cost as much again as all rows do, each.
    outcome: Literal["share", "amount"] = "amount" if head == "dwell" else "share"
    return CalibrationWatch(head=head, outcome=outcome, null_draws=null_draws, slice_nulls=False)


def _told_apart(column: pd.Series) -> pd.Series:
    """Values as text, missing ones left missing."""
    return column.astype("string").astype(object).where(column.notna(), None)
