"""People stay shorter on what used to hold them: a surrogate."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from holdfast.core.arrays import Bools
from holdfast.drift.changed import told
from holdfast.drift.concepts.outcomes import clicked, dwell_of
from holdfast.drift.concepts.steering import Steering, possible_features, steering
from holdfast.drift.injector import Drifted, Family, Kind, unchanged
from holdfast.drift.ladder import check_strengths, strength_at
from holdfast.drift.rows import DriftRows

MOST = 10.0


def _log_seconds() -> list[float]:
    return [0.25, 0.5, 1.0, 1.5, 2.0]


@dataclass(frozen=True, kw_only=True)
class DwellRescaling:
    """A stay becomes ``exp(-strength * rank)`` times as long, by the rank of the feature that holds people.

    All stays shrink, the longest kind most, so that both the level and the order of stays change. A stay that
    was cut off by the end of the content now ends before it. There is no chance in it.

    Attributes:
        strengths: log seconds lost at the feature's end, in (0, 10].
        feature: numeric; if empty, the item feature whose quantile goes along with dwell most, whichever way:
            of the card, or of the history if it has none. Rows without it keep their dwell.
    """

    strengths: list[float] = field(default_factory=_log_seconds)
    feature: str = ""

    kind: ClassVar[Kind] = "concept"
    family: ClassVar[Family] = Family.EVALUATION
    seeded: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_strengths(self.strengths, least=0.0, most=MOST)

    def fits(self, rows: DriftRows) -> str | None:
        """Why not; see ``Injector``."""
        if len(rows) == 0:
            return "there are no rows"
        known = "dwell" in rows.card.outcomes and "dwell_seconds" in rows.rows
        if not known or not np.isfinite(dwell_of(rows)).any():
            return "no dwell is known"
        names, reason = possible_features(rows, "item", self.feature)
        if reason is not None:
            return reason
        draw, where = _shrinking(rows, names)
        return None if where.any() else f"no row that was clicked has both a stay and a value of {draw.name}"

    def inject(self, rows: DriftRows, *, severity: int, seed: int) -> Drifted:
        """The rows after the drift; see ``Injector``."""
        strength = strength_at(self, rows, severity)
        if strength is None:
            return unchanged(rows)
        names, _ = possible_features(rows, "item", self.feature)
        dwell = dwell_of(rows)
        draw, where = _shrinking(rows, names)
        shorter = dwell * np.exp(-strength * np.nan_to_num(draw.rank))
        columns = {"dwell_seconds": np.where(where, shorter, dwell)}
        note = f"surrogate: stays on {draw.said} are shorter, down to {np.exp(-strength):.0%}"
        return told(rows, Drifted(rows.with_columns(columns), tuple(columns), where, (note,)))

    def strength_of(self, clean: DriftRows, drifted: Drifted) -> float:
        """Mean of the log seconds that were lost, over known stays."""
        before, after = dwell_of(clean), dwell_of(drifted.rows)
        where = np.isfinite(before) & (before > 0.0)
        return float(np.log(before[where] / after[where]).mean()) if where.any() else 0.0


def _shrinking(rows: DriftRows, names: list[str]) -> tuple[Steering, Bools]:
    """The feature that holds people, and the rows whose stay it can shorten, ``[N]``."""

    def look() -> tuple[Steering, Bools]:
        dwell = dwell_of(rows)
        stayed = clicked(rows) & np.isfinite(dwell)
        draw = steering(rows, names, np.log1p(np.nan_to_num(dwell)), where=stayed)
        return draw, stayed & np.isfinite(draw.rank) & (dwell > 0.0)

    return rows.derived(("shrinking", *names), look)
