"""Bots: requests that nobody made, with clicks that nobody meant.

N rows, Q requests.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from holdfast.core.arrays import Bools, Ints
from holdfast.core.random import generator
from holdfast.drift.history_columns import without_history
from holdfast.drift.injector import Drifted, Family, Kind, unchanged
from holdfast.drift.ladder import check_strengths, strength_at
from holdfast.drift.rows import DriftRows
from holdfast.drift.units import num_units, unit_codes
from holdfast.drift.unseen import unseen


def _shares() -> list[float]:
    return [0.05, 0.1, 0.25, 0.5, 1.0]


@dataclass(frozen=True, kw_only=True)
class Bots:
    """Requests are added, copies of logged ones, by users without a past who click at random.

    What they click they do not read: dwell is unknown, and they are not seen again. The logged rows stay as
    they are, in front of the added ones.

    Attributes:
        strengths: added requests as a share of the logged ones, in (0, 1].
        click_chance: chance of a click in each added row, in [0, 1].
        requests_per_bot: at least 1.
    """

    strengths: list[float] = field(default_factory=_shares)
    click_chance: float = 0.5
    requests_per_bot: int = 20

    kind: ClassVar[Kind] = "label"
    family: ClassVar[Family] = Family.HELD_OUT
    seeded: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_strengths(self.strengths, least=0.0, most=1.0)
        if not 0.0 <= self.click_chance <= 1.0:
            raise ValueError(f"click_chance is {self.click_chance}; it must be from 0 to 1")
        if self.requests_per_bot < 1:
            raise ValueError(f"requests_per_bot is {self.requests_per_bot}; it must be at least 1")

    def fits(self, rows: DriftRows) -> str | None:
        """Why not; see ``Injector``."""
        return "there are no rows" if len(rows) == 0 else None

    def inject(self, rows: DriftRows, *, severity: int, seed: int) -> Drifted:
        """The rows after the drift; see ``Injector``."""
        share = strength_at(self, rows, severity)
        if share is None:
            return unchanged(rows)
        request = unit_codes(rows, "request")
        draws = generator(seed, "drift", "bots")
        turn = np.empty(num_units(request), dtype=np.int64)
        turn[draws.permutation(len(turn))] = np.arange(len(turn))
        uniform = draws.random(len(rows))
        # A request keeps its turn, and a row its draw, so that the ladder is nested.
        copied = np.flatnonzero(turn[request] < max(1, round(share * len(turn))))
        copies = rows.take(copied)
        columns = self._columns(copies, turn[request[copied]], uniform[copied] < self.click_chance)
        added = copies.with_columns(columns)
        frame = pd.concat([rows.rows, added.rows], ignore_index=True)
        drifted = replace(rows, rows=frame, source=np.concatenate([rows.source, added.source]))
        changed = np.arange(len(frame)) >= len(rows)
        figures = {"added_rows": float(len(copied)), "share_of_rows": float(changed.mean())}
        return Drifted(drifted, tuple(columns), changed, (), figures)

    def strength_of(self, clean: DriftRows, drifted: Drifted) -> float:
        """Share of the rows that nobody asked for."""
        return 1.0 - len(clean) / len(drifted.rows) if len(drifted.rows) else 0.0

    def _columns(self, copies: DriftRows, turn: Ints, click: Bools) -> dict[str, Any]:
        """What the added rows have instead of what they were copied from."""
        everywhere = np.ones(len(copies), dtype=np.bool_)
        frame = copies.rows
        columns = without_history(copies, "user", everywhere)
        columns["request_id"] = unseen(frame["request_id"], everywhere, which=turn)
        columns["user_id"] = unseen(frame["user_id"], everywhere, which=turn // self.requests_per_bot)
        columns["click"] = pd.Series(click, index=frame.index).astype(frame["click"].dtype)
        if "dwell_seconds" in frame:
            columns["dwell_seconds"] = np.full(len(frame), np.nan)
        if "dwell_cut" in frame:
            columns["dwell_cut"] = np.zeros(len(frame), dtype=np.bool_)
        if "next_visit_at" in frame:
            columns["next_visit_at"] = frame["next_visit_at"].mask(everywhere)
        return columns
