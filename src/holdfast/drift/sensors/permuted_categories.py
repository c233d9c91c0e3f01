"""Codes of categories are mixed up, as after a new export of the code table.

N rows, C categories.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import pandas as pd

from holdfast.core.arrays import Ints
from holdfast.core.random import generator
from holdfast.drift.changed import changed_rows_share
from holdfast.drift.columns import categorical_features
from holdfast.drift.injector import Drifted, Family, Kind, unchanged
from holdfast.drift.ladder import check_strengths, strength_at
from holdfast.drift.rows import DriftRows


def _shares() -> list[float]:
    return [0.1, 0.25, 0.5, 0.75, 1.0]


@dataclass(frozen=True, kw_only=True)
class PermutedCategories:
    """Some values of a categorical feature take each other's place: every row of one has the next one.

    Values stand in an order that chance draws; the first of them, as many as the severity says and at least
    two, move on by one place.

    Attributes:
        strengths: share of the values of each column, in (0, 1].
        columns: categorical features; if empty, all of the card that are no contract columns.
    """

    strengths: list[float] = field(default_factory=_shares)
    columns: list[str] = field(default_factory=list)

    kind: ClassVar[Kind] = "sensor"
    family: ClassVar[Family] = Family.TRAINING
    seeded: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_strengths(self.strengths, least=0.0, most=1.0)

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
        columns, changed = {}, np.zeros(len(rows), dtype=np.bool_)
        for name in self._columns(rows)[0]:
            codes, values = pd.factorize(rows.rows[name])
            order = generator(seed, "drift", "permuted_categories", name).permutation(len(values))
            moved = max(2, round(share * len(values)))
            place = _moved_on(order, moved)
            moved_values = pd.Series(values).take(place).array
            columns[name] = moved_values.take(codes, allow_fill=bool((codes < 0).any()))
            changed |= (place != np.arange(len(values)))[codes] & (codes >= 0)
        figures = {"share_of_rows": float(changed.mean())}
        return Drifted(rows.with_columns(columns), tuple(columns), changed, (), figures)

    def strength_of(self, clean: DriftRows, drifted: Drifted) -> float:
        """Share of the rows with another value than they had in any of the columns."""
        return changed_rows_share(drifted)

    def _columns(self, rows: DriftRows) -> tuple[list[str], str | None]:
        features, reason = categorical_features(rows, self.columns)
        return [each.name for each in features if len(rows.rows[each.name].dropna().unique()) > 1], reason


def _moved_on(order: Ints, moved: int) -> Ints:
    """The category that each one becomes: the first ``moved`` of ``order`` go round, ``[C]``."""
    place = np.arange(len(order))
    ring = order[:moved]
    place[ring] = np.roll(ring, -1)
    return place
