"""Clicks, stays and returns as arrays, and rows without some of them.

N rows.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from holdfast.core.arrays import Bools, Floats
from holdfast.drift.rows import DriftRows


def clicked(rows: DriftRows) -> Bools:
    """Known clicks, bool ``[N]``."""
    return np.asarray(rows.rows["click"].astype("boolean").fillna(False).to_numpy(dtype=np.bool_))


def dwell_of(rows: DriftRows) -> Floats:
    """Seconds, NaN where unknown, float64 ``[N]``."""
    return np.asarray(rows.rows["dwell_seconds"].to_numpy(dtype=np.float64, na_value=np.nan))


def no_click(rows: DriftRows) -> str | None:
    """Why clicks cannot change: nothing was clicked."""
    if len(rows) == 0:
        return "there are no rows"
    if "click" not in rows.card.outcomes:
        return "the log declares no clicks"
    return None if clicked(rows).any() else "nothing was clicked"


def without_clicks(rows: DriftRows, lost: Bools) -> dict[str, Any]:
    """Outcome columns in which some clicks, and what followed at once, did not happen; returns stay."""
    click = rows.rows["click"]
    columns: dict[str, Any] = {"click": click.mask(lost, False)}
    if "dwell_seconds" in rows.rows:
        columns["dwell_seconds"] = np.where(lost, np.nan, dwell_of(rows))
    if "dwell_cut" in rows.rows:
        columns["dwell_cut"] = rows.rows["dwell_cut"].to_numpy(dtype=np.bool_) & ~lost
    return columns


def click_rate(rows: DriftRows) -> float:
    """Share of the rows with a known click; 0 where there are none."""
    return float(clicked(rows).mean()) if len(rows) else 0.0
