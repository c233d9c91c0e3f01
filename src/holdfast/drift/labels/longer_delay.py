"""What happened is known later than it was.

N rows.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from holdfast.drift.concepts.outcomes import dwell_of
from holdfast.drift.injector import Drifted, Family, Kind, unchanged
from holdfast.drift.ladder import check_strengths, strength_at
from holdfast.drift.rows import DriftRows

MOST_DAYS = 365.0


def _days() -> list[float]:
    return [1.0, 2.0, 3.0, 5.0, 7.0]


@dataclass(frozen=True, kw_only=True)
class LongerDelay:
    """Outcomes are those known so many days before the window's moment: the pipeline of events is late.

    Rows stay, with what was known of them then: a later visit has not happened, a stay that went on is cut
    off, and a row shown after that moment has no outcome yet. There is no chance in it.

    Attributes:
        strengths: days, in (0, 365].
    """

    strengths: list[float] = field(default_factory=_days)

    kind: ClassVar[Kind] = "label"
    family: ClassVar[Family] = Family.EVALUATION
    seeded: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_strengths(self.strengths, least=0.0, most=MOST_DAYS)

    def fits(self, rows: DriftRows) -> str | None:
        """Why not; see ``Injector``."""
        return "there are no rows" if len(rows) == 0 else None

    def inject(self, rows: DriftRows, *, severity: int, seed: int) -> Drifted:
        """The rows after the drift; see ``Injector``."""
        days = strength_at(self, rows, severity)
        if days is None:
            return unchanged(rows)
        moment = rows.observed_until - pd.Timedelta(days=days)
        elapsed = (moment - rows.rows["shown_at"]).dt.total_seconds().to_numpy()
        future = elapsed <= 0.0
        columns: dict[str, Any] = {}
        changed = future.copy()
        if future.any():
            columns["click"] = rows.rows["click"].astype("boolean").mask(future)
        if "dwell_seconds" in rows.rows:
            dwell = dwell_of(rows)
            going_on = (dwell >= elapsed) & ~future
            columns["dwell_seconds"] = np.where(future, np.nan, np.where(going_on, elapsed, dwell))
            cut = rows.rows["dwell_cut"].to_numpy(dtype=np.bool_) if "dwell_cut" in rows.rows else False
            columns["dwell_cut"] = (cut | going_on) & ~future
            changed |= going_on
        if "next_visit_at" in rows.rows:
            back = rows.rows["next_visit_at"]
            later = (back >= moment).to_numpy()
            columns["next_visit_at"] = back.mask(later)
            changed |= later
        drifted = replace(rows.with_columns(columns), observed_until=moment)
        figures = {"days": days, "share_of_rows_without_outcome": float(future.mean())}
        note = (
            f"outcomes as of {moment}, {days:g} days earlier: {future.mean():.0%} of the rows have none yet"
        )
        notes = (
            (note,) if changed.any() else (note, "no outcome is so recent: only what is known of it is older")
        )
        return Drifted(drifted, tuple(columns), changed, notes, figures)

    def strength_of(self, clean: DriftRows, drifted: Drifted) -> float:
        """Days by which the moment of knowing is earlier."""
        return (clean.observed_until - drifted.rows.observed_until) / pd.Timedelta(days=1)
