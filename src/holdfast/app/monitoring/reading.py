"""Outcomes as they come: what is wrong with a column is a finding, and no reason to refuse the log."""

from __future__ import annotations

import pandas as pd

from holdfast.monitoring.column_kinds import family_of
from holdfast.monitoring.finding import Finding

OUTCOME_FAMILIES = {
    "click": ("boolean", "number", "empty"),
    "dwell_seconds": ("number", "empty"),
    "next_visit_at": ("moment", "empty"),
    "content_seconds": ("number", "empty"),
    "dwell_cut": ("boolean",),
}
"""What the columns that outcomes are told by may hold."""


def without_unreadable(frame: pd.DataFrame) -> tuple[pd.DataFrame, list[Finding]]:
    """The frame without outcome columns of another type, and a finding for each of them."""
    found = []
    for name, families in OUTCOME_FAMILIES.items():
        if name not in frame:
            continue
        family = family_of(frame[name])
        if family == "moment" and not isinstance(frame[name].dtype, pd.DatetimeTZDtype):
            family = "other"
        if family in families and (name != "click" or _zero_or_one(frame[name])):
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


def _zero_or_one(column: pd.Series) -> bool:
    values = column.dropna()
    return bool(values.astype("float64").isin([0.0, 1.0]).all())
