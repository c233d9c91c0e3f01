"""What used to attract clicks attracts them less: a surrogate."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from holdfast.drift.changed import told
from holdfast.drift.concepts.outcomes import click_rate, clicked, no_click, without_clicks
from holdfast.drift.concepts.steering import click_steering, possible_features
from holdfast.drift.injector import Drifted, Family, Kind, unchanged
from holdfast.drift.ladder import check_strengths, shares_of_clicks, strength_at
from holdfast.drift.rows import DriftRows
from holdfast.drift.units import chances


@dataclass(frozen=True, kw_only=True)
class ClickbaitFatigue:
    """A click is taken back with chance ``strength * rank``, by the rank of the feature that draws clicks.

    The dwell of such a row goes with its click; the return stays as logged. Rows without the feature keep
    their clicks.

    Attributes:
        strengths: chance at the feature's most attractive end, in (0, 1].
        feature: numeric; if empty, the item feature whose quantile goes along with clicks most, whichever
            way: of the card, or of the history if it has none.
    """

    strengths: list[float] = field(default_factory=shares_of_clicks)
    feature: str = ""

    kind: ClassVar[Kind] = "concept"
    family: ClassVar[Family] = Family.EVALUATION
    seeded: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_strengths(self.strengths, least=0.0, most=1.0)

    def fits(self, rows: DriftRows) -> str | None:
        """Why not; see ``Injector``."""
        names, reason = possible_features(rows, "item", self.feature)
        reason = no_click(rows) or reason
        if reason is not None:
            return reason
        draw = click_steering(rows, names)
        if np.isfinite(draw.rank[clicked(rows)]).any():
            return None
        return f"no row that was clicked has a value of {draw.name}"

    def inject(self, rows: DriftRows, *, severity: int, seed: int) -> Drifted:
        """The rows after the drift; see ``Injector``."""
        strength = strength_at(self, rows, severity)
        if strength is None:
            return unchanged(rows)
        names, _ = possible_features(rows, "item", self.feature)
        clicks = clicked(rows)
        draw = click_steering(rows, names)
        chance = strength * np.nan_to_num(draw.rank)
        lost = clicks & (chances(rows, "row", seed, "clickbait_fatigue") < chance)
        columns = without_clicks(rows, lost)
        figures = {"share_of_clicks": float(lost.sum() / clicks.sum())}
        note = f"surrogate: clicks on {draw.said} are taken back, up to {strength:.0%} of them at the end"
        return told(rows, Drifted(rows.with_columns(columns), tuple(columns), lost, (note,), figures))

    def strength_of(self, clean: DriftRows, drifted: Drifted) -> float:
        """Share of the clicks that are gone."""
        before = click_rate(clean)
        return 1.0 - click_rate(drifted.rows) / before if before > 0.0 else 0.0
