"""The feature store is late: history columns are as of days ago.

N rows.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import numpy as np

from holdfast.core.arrays import Floats, Ints
from holdfast.data.known_events import DAY
from holdfast.data.rules import microseconds
from holdfast.drift.changed import anything_changed, told
from holdfast.drift.history_columns import history_of
from holdfast.drift.injector import Drifted, Family, Kind, unchanged
from holdfast.drift.ladder import check_strengths, strength_at
from holdfast.drift.rows import DriftRows
from holdfast.drift.units import unit_codes

MOST_DAYS = 365.0
MILLISECOND = 1000
OWNERS: tuple[Literal["user"], Literal["item"]] = ("user", "item")


def _days() -> list[float]:
    return [1.0, 2.0, 3.0, 4.0, 5.0]


@dataclass(frozen=True, kw_only=True)
class LateFeatures:
    """A row has the history that its user, or its item, had in its last row of so many days ago.

    A window knows no rows before its first: where there was none so long ago, the first one in the window
    stands in, which is too fresh. How many rows that concerns, and how old the values are, the figures say.

    Attributes:
        strengths: days, in (0, 365].
    """

    strengths: list[float] = field(default_factory=_days)

    kind: ClassVar[Kind] = "sensor"
    family: ClassVar[Family] = Family.HELD_OUT
    seeded: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_strengths(self.strengths, least=0.0, most=MOST_DAYS)

    def fits(self, rows: DriftRows) -> str | None:
        """Why not; see ``Injector``."""
        if len(rows) == 0:
            return "there are no rows"
        if not any(history_of(rows, owner) for owner in OWNERS):
            return "there are no history columns; prepare with windows of history (history.window_days)"
        most = self.strengths[-1]
        if rows.derived(("late", most), lambda: anything_changed(rows, _late(rows, most))):
            return None
        return "no user and no item has an earlier row with another history"

    def inject(self, rows: DriftRows, *, severity: int, seed: int) -> Drifted:
        """The rows after the drift; see ``Injector``."""
        days = strength_at(self, rows, severity)
        if days is None:
            return unchanged(rows)
        return told(rows, _late(rows, days))

    def strength_of(self, clean: DriftRows, drifted: Drifted) -> float:
        """Mean age of the histories in days, beyond that of the clean ones."""
        return drifted.figures.get("mean_age_days", 0.0)


def _late(rows: DriftRows, days: float) -> Drifted:
    """Histories of so many days ago; see ``LateFeatures``."""
    shown = microseconds(rows.rows["shown_at"])
    lag = round(days * DAY)
    columns: dict[str, Any] = {}
    changed = np.zeros(len(rows), dtype=np.bool_)
    ages: list[Floats] = []
    for owner in OWNERS:
        names = history_of(rows, owner)
        if not names:
            continue
        place = _earlier_row(rows, owner, shown, lag=lag)
        columns |= {name: rows.rows[name].array.take(place) for name in names}
        changed |= place != np.arange(len(rows))
        ages.append((shown - shown[place]) / DAY)
    figures = {
        "mean_age_days": float(np.mean(ages)),
        "share_too_fresh": float(np.mean([(age < days).mean() for age in ages])),
    }
    note = f"{figures['share_too_fresh']:.0%} of the histories are fresher than {days:g} days: none is older"
    return Drifted(rows.with_columns(columns), tuple(columns), changed, (note,), figures)


def _earlier_row(rows: DriftRows, owner: Literal["user", "item"], shown: Ints, *, lag: int) -> Ints:
    """The owner's last row shown at least ``lag`` microseconds before, else its first one, ``[N]``."""

    def sorted_rows() -> tuple[Ints, Ints, Ints, int]:
        # Milliseconds, so that the numbers below have room for a billion owners.
        entity, since = unit_codes(rows, owner), (shown - shown.min()) // MILLISECOND
        # One sortable number for owner and time, with room for any lag between two owners.
        key = entity * (2 * int(since.max()) + 2) + since
        order = np.argsort(key, kind="stable")
        return order, key[order], np.searchsorted(key[order], key[order] - since[order]), int(since.max())

    order, keys, starts, longest = rows.derived(("in time", owner), sorted_rows)
    # Questions in order have neighbouring answers, which are found faster.
    found = np.searchsorted(keys, keys - min(lag // MILLISECOND, longest + 1), side="right") - 1
    place = np.empty_like(order)
    place[order] = order[np.maximum(found, starts)]
    return place
