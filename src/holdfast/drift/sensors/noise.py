"""Readings tremble."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from holdfast.core.random import generator
from holdfast.drift.columns import deviation_of, numbers_of, numeric_features
from holdfast.drift.injector import Drifted, Family, Kind, unchanged
from holdfast.drift.ladder import check_strengths, strength_at
from holdfast.drift.rows import DriftRows
from holdfast.drift.sensors.faulty import faulty

MOST_DEVIATIONS = 100.0


def _deviations() -> list[float]:
    return [0.1, 0.25, 0.5, 1.0, 2.0]


@dataclass(frozen=True, kw_only=True)
class Noise:
    """Normal noise is added to every reading; a higher severity adds more of the same noise.

    Attributes:
        strengths: standard deviation of the noise in those of the column, in (0, 100].
        columns: numeric features; if empty, all of the card, or of the history if it has none.
    """

    strengths: list[float] = field(default_factory=_deviations)
    columns: list[str] = field(default_factory=list)

    kind: ClassVar[Kind] = "sensor"
    family: ClassVar[Family] = Family.TRAINING
    seeded: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_strengths(self.strengths, least=0.0, most=MOST_DEVIATIONS)

    def fits(self, rows: DriftRows) -> str | None:
        """Why not; see ``Injector``."""
        return numeric_features(rows, self.columns)[1]

    def inject(self, rows: DriftRows, *, severity: int, seed: int) -> Drifted:
        """The rows after the drift; see ``Injector``."""
        deviations = strength_at(self, rows, severity)
        if deviations is None:
            return unchanged(rows)
        columns = {}
        for feature in numeric_features(rows, self.columns)[0]:
            values = numbers_of(rows, feature.name)
            finite = np.isfinite(values)
            spread = deviations * deviation_of(values)
            drawn = generator(seed, "drift", "noise", feature.name).standard_normal(len(values))
            columns[feature.name] = (np.where(finite, values + spread * drawn, values), finite)
        return faulty(rows, columns, asked=self.columns)

    def strength_of(self, clean: DriftRows, drifted: Drifted) -> float:
        """Mean absolute change in standard deviations of the column."""
        moved = []
        for name in drifted.changed_columns or ():
            before, after = numbers_of(clean, name), numbers_of(drifted.rows, name)
            finite = np.isfinite(before)
            moved.append(float(np.abs(after[finite] - before[finite]).mean() / deviation_of(before)))
        return float(np.mean(moved)) if moved else 0.0
