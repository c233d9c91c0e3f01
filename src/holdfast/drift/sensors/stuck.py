"""A sensor sticks: it says the same, whatever is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal

import numpy as np

from holdfast.core.arrays import Bools, Floats
from holdfast.core.random import generator
from holdfast.drift.columns import numbers_of, numeric_features
from holdfast.drift.injector import Drifted, Family, Kind, unchanged
from holdfast.drift.ladder import check_strengths, shares, strength_at
from holdfast.drift.rows import DriftRows
from holdfast.drift.sensors.faulty import faulty
from holdfast.drift.units import Unit, chances, check_unit


@dataclass(frozen=True, kw_only=True)
class Stuck:
    """Some readings repeat a value instead of saying what is.

    Attributes:
        strengths: share of the readings, in (0, 1].
        columns: numeric features; if empty, all of the card, or of the history if it has none.
        unit: what fails as one: a row, or all rows of a request, a user or an item.
        at: ``constant``, one known value for all, which chance chooses; or ``last``, what was right in
            the row before that was not stuck.
    """

    strengths: list[float] = field(default_factory=shares)
    columns: list[str] = field(default_factory=list)
    unit: Unit = "row"
    at: Literal["constant", "last"] = "constant"

    kind: ClassVar[Kind] = "sensor"
    family: ClassVar[Family] = Family.EVALUATION
    seeded: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_strengths(self.strengths, least=0.0, most=1.0)
        check_unit(self.unit)
        if self.at not in ("constant", "last"):
            raise ValueError(f"at is {self.at!r}; choose constant or last")

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
            stuck = chances(rows, self.unit, seed, "stuck", feature.name) < share
            if self.at == "last":
                shown = _last(values, stuck)
            else:
                known = values[np.isfinite(values)]
                constant = known[int(generator(seed, "drift", "stuck at", feature.name).integers(len(known)))]
                shown = np.where(stuck, constant, values)
            columns[feature.name] = (shown, stuck)
        return faulty(rows, columns, asked=self.columns)

    def strength_of(self, clean: DriftRows, drifted: Drifted) -> float:
        """Share of the readings that are stuck; one may by chance be what it was."""
        return drifted.figures.get("share_of_cells", 0.0)


def _last(values: Floats, stuck: Bools) -> Floats:
    """What the nearest row before it that was not stuck had; the first rows show what they have, ``[N]``."""
    place = np.where(stuck, 0, np.arange(len(values)))
    return np.asarray(values[np.maximum.accumulate(place)])
