"""Outcomes as they come: what is wrong with a column is a finding, and no reason to refuse the log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from holdfast.monitoring.column_kinds import family_of
from holdfast.monitoring.finding import Finding
from holdfast.monitoring.realised_findings import WHAT_IS_WRONG, impossible_values

OUTCOME_FAMILIES = {
    "click": ("boolean", "number", "empty"),
    "dwell_seconds": ("number", "empty"),
    "next_visit_at": ("moment", "empty"),
    "content_seconds": ("number", "empty"),
    "dwell_cut": ("boolean",),
}
"""What the columns that outcomes are told by may hold."""


def without_unreadable(frame: pd.DataFrame) -> tuple[pd.DataFrame, list[Finding]]:
    """The frame without outcome columns of another type and without clicks that are neither 0 nor 1, and a
    finding for each of them.
    """
    found = []
    for name, families in OUTCOME_FAMILIES.items():
        if name not in frame:
            continue
        family = family_of(frame[name])
        if family == "moment" and not isinstance(frame[name].dtype, pd.DatetimeTZDtype):
            family = "other"
        if family in families and name != "click":
            continue
        if family in families:
            frame, wrong = _possible_clicks(frame)
            found += wrong
            continue
        note = f"{frame[name].dtype} where {' or '.join(families[:-1] or families)} is due: left out"
        found.append(
            Finding(
                where=name,
                kind="type_changed",
                place="outcome",
                n_current=len(frame),
                severity="broken",
                note=note,
            )
        )
        frame = frame.drop(columns=name)
    if "next_visit_at" in frame and not isinstance(frame["next_visit_at"].dtype, pd.DatetimeTZDtype):
        frame["next_visit_at"] = pd.Series(pd.NaT, index=frame.index, dtype="datetime64[us, UTC]")
    if "dwell_seconds" in frame:
        frame["dwell_seconds"] = frame["dwell_seconds"].astype("float64")
    return frame, found


def _possible_clicks(frame: pd.DataFrame) -> tuple[pd.DataFrame, list[Finding]]:
    """Clicks other than 0 and 1 left unknown, and how many there are."""
    clicks = frame["click"].astype("Float64")
    wrong = (clicks.notna() & ~clicks.isin([0.0, 1.0])).to_numpy(dtype=bool)
    if not wrong.any():
        return frame, []
    frame = frame.assign(click=clicks.mask(pd.Series(wrong, index=frame.index)))
    count = int(wrong.sum())
    return frame, [impossible_values(count, len(frame), where="click", place="outcome")]


def duplicates(frame: pd.DataFrame) -> list[Finding]:
    """A finding on rows that are there twice, if any are; they are not left out."""
    if not {"request_id", "slot"} <= set(frame.columns):
        return []
    key = frame[["request_id", "slot"]]
    copies = int((key.notna().all(axis=1) & key.duplicated()).sum())
    if not copies:
        return []
    return [impossible_values(copies, len(frame), kind="duplicate_rows", where="request_id", place="frame")]


class Faults:
    """What is wrong with a log that is read part by part: rows that cannot be are counted over all of it."""

    def __init__(self) -> None:
        self._others: dict[tuple[str, str], Finding] = {}
        self._counted: dict[tuple[str, str], Finding] = {}
        self._num_rows = 0

    def add(self, found: Sequence[Finding], *, num_rows: int) -> None:
        """Findings on the next part, of ``num_rows`` rows."""
        self._num_rows += num_rows
        for each in found:
            key = (each.where, each.kind)
            if each.kind not in WHAT_IS_WRONG:
                self._others.setdefault(key, each)
                continue
            before = self._counted.get(key)
            count = (each.statistic or 0.0) + (0.0 if before is None else before.statistic or 0.0)
            self._counted[key] = replace(each, statistic=count)

    @property
    def findings(self) -> list[Finding]:
        """One finding on each fault, on all rows so far."""
        counted = [
            impossible_values(
                int(each.statistic or 0), self._num_rows, kind=each.kind, where=each.where, place=each.place
            )
            for each in self._counted.values()
        ]
        return [*self._others.values(), *counted]
