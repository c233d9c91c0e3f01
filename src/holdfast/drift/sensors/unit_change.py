"""A unit changes: metres become millimetres, and nobody told."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from holdfast.drift.changed import changed_share
from holdfast.drift.columns import numbers_of, numeric_features
from holdfast.drift.injector import Drifted, Family, Kind, unchanged
from holdfast.drift.ladder import check_strengths, shares, strength_at
from holdfast.drift.rows import DriftRows
from holdfast.drift.sensors.faulty import faulty
from holdfast.drift.units import Unit, chances, check_unit


@dataclass(frozen=True, kw_only=True)
class UnitChange:
    """Some readings are a factor too large.

    Attributes:
        strengths: share of the readings, in (0, 1].
        columns: numeric features; if empty, all of the card, or of the history if it has none.
        unit: what fails as one: a row, or all rows of a request, a user or an item.
        factor: above 0, and not 1.
    """

    strengths: list[float] = field(default_factory=shares)
    columns: list[str] = field(default_factory=list)
    unit: Unit = "row"
    factor: float = 1000.0

    kind: ClassVar[Kind] = "sensor"
    family: ClassVar[Family] = Family.EVALUATION
    seeded: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_strengths(self.strengths, least=0.0, most=1.0)
        check_unit(self.unit)
        if not 0.0 < self.factor < np.inf or self.factor == 1.0:
            raise ValueError(
                f"factor is {self.factor}; it must be a finite number above 0, and 1 changes nothing"
            )

    def fits(self, rows: DriftRows) -> str | None:
        """Why not; see ``Injector``."""
        return numeric_features(rows, self.columns)[1]

    def inject(self, rows: DriftRows, *, severity: int, seed: int) -> Drifted:
        """The rows after the drift; see ``Injector``."""
        share = strength_at(self, rows, severity)
        if share is None:
            return unchanged(rows)
        columns = {}
        for feature in numeric_features(rows, self.columns)[0]:
            values = numbers_of(rows, feature.name)
            where = chances(rows, self.unit, seed, "unit_change", feature.name) < share
            # What no number can hold any more is infinite, which an encoder takes for missing.
            with np.errstate(over="ignore"):
                columns[feature.name] = (np.where(where, values * self.factor, values), where)
        return faulty(rows, columns, asked=self.columns)

    def strength_of(self, clean: DriftRows, drifted: Drifted) -> float:
        """Share of the values that are not what they were."""
        return changed_share(clean, drifted, drifted.changed_columns or ())
