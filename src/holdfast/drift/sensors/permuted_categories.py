"""Codes of categories are mixed up, as after a new export of the code table.

N rows, C categories.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from holdfast.core.arrays import Bools
from holdfast.core.random import generator
from holdfast.drift.changed import changed_share, told
from holdfast.drift.columns import categorical_features, places_of
from holdfast.drift.injector import Drifted, Family, Kind, unchanged
from holdfast.drift.ladder import check_strengths, shares, strength_at
from holdfast.drift.rows import DriftRows
from holdfast.drift.units import Unit, chances, check_unit


@dataclass(frozen=True, kw_only=True)
class PermutedCategories:
    """In some rows every value of a categorical feature is taken for the next one, in an order of chance.

    Attributes:
        strengths: share of the rows, in (0, 1].
        columns: categorical features; if empty, all of the card that are no contract columns.
        unit: what fails as one: a row, or all rows of a request, a user or an item.
    """

    strengths: list[float] = field(default_factory=shares)
    columns: list[str] = field(default_factory=list)
    unit: Unit = "row"

    kind: ClassVar[Kind] = "sensor"
    family: ClassVar[Family] = Family.TRAINING
    seeded: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_strengths(self.strengths, least=0.0, most=1.0)
        check_unit(self.unit)

    def fits(self, rows: DriftRows) -> str | None:
        """Why not; see ``Injector``."""
        names, reason = self._columns(rows)
        if reason is None and not names:
            return "no categorical feature has two values"
        return reason

    def inject(self, rows: DriftRows, *, severity: int, seed: int) -> Drifted:
        """The rows after the drift; see ``Injector``."""
        share = strength_at(self, rows, severity)
        if share is None:
            return unchanged(rows)
        names, _ = self._columns(rows)
        where = chances(rows, self.unit, seed, "permuted_categories") < share
        columns = {name: _moved_on(rows, name, where, seed=seed) for name in names}
        figures = {"share_of_rows": float(where.mean())}
        drifted = Drifted(rows.with_columns(columns), tuple(columns), where, (), figures)
        return told(rows, drifted, asked=self.columns)

    def strength_of(self, clean: DriftRows, drifted: Drifted) -> float:
        """Share of the values that are not what they were."""
        return changed_share(clean, drifted, drifted.changed_columns or ())

    def _columns(self, rows: DriftRows) -> tuple[list[str], str | None]:
        features, reason = categorical_features(rows, self.columns)
        return [each.name for each in features if len(places_of(rows, each.name)[1]) > 1], reason


def _moved_on(rows: DriftRows, name: str, where: Bools, *, seed: int) -> Any:
    """A column whose values are the next ones where ``where``, ``[N]``; what is missing stays so."""
    code, values = places_of(rows, name)
    order = generator(seed, "drift", "permuted_categories", name).permutation(len(values))
    following = np.empty_like(order)
    following[order] = np.roll(order, -1)
    moved = np.where(where & (code >= 0), following[code], code)
    return values.array.take(moved, allow_fill=bool((moved < 0).any()))
