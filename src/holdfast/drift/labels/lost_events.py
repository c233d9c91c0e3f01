"""Events are lost on the way to the log."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from holdfast.drift.changed import told
from holdfast.drift.concepts.outcomes import click_rate, clicked, no_click, without_clicks
from holdfast.drift.injector import Drifted, Family, Kind, unchanged
from holdfast.drift.ladder import check_strengths, shares, strength_at
from holdfast.drift.rows import DriftRows
from holdfast.drift.units import Unit, chances, check_unit


@dataclass(frozen=True, kw_only=True)
class LostEvents:
    """Some clicks did happen and are not in the log; their dwell went with them.

    Attributes:
        strengths: share of the clicks, in (0, 1].
        unit: what is lost as one: a row, or all clicks of a request, a user or an item.
    """

    strengths: list[float] = field(default_factory=shares)
    unit: Unit = "row"

    kind: ClassVar[Kind] = "label"
    family: ClassVar[Family] = Family.TRAINING
    seeded: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_strengths(self.strengths, least=0.0, most=1.0)
        check_unit(self.unit)

    def fits(self, rows: DriftRows) -> str | None:
        """Why not; see ``Injector``."""
        return no_click(rows)

    def inject(self, rows: DriftRows, *, severity: int, seed: int) -> Drifted:
        """The rows after the drift; see ``Injector``."""
        share = strength_at(self, rows, severity)
        if share is None:
            return unchanged(rows)
        clicks = clicked(rows)
        lost = clicks & (chances(rows, self.unit, seed, "lost_events") < share)
        columns = without_clicks(rows, lost)
        figures = {"share_of_clicks": float(lost.sum() / clicks.sum())}
        return told(rows, Drifted(rows.with_columns(columns), tuple(columns), lost, (), figures))

    def strength_of(self, clean: DriftRows, drifted: Drifted) -> float:
        """Share of the clicks that are gone."""
        before = click_rate(clean)
        return 1.0 - click_rate(drifted.rows) / before if before > 0.0 else 0.0
