"""Two columns are taken for each other, as after a change of schema.

N rows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import combinations
from typing import ClassVar

import numpy as np

from holdfast.core.arrays import Floats
from holdfast.drift.changed import changed_share
from holdfast.drift.columns import deviation_of, numbers_of, numeric_features
from holdfast.drift.injector import Drifted, Family, Kind, unchanged
from holdfast.drift.ladder import check_strengths, shares, strength_at
from holdfast.drift.rows import DriftRows
from holdfast.drift.sensors.faulty import faulty
from holdfast.drift.units import Unit, chances, check_unit


@dataclass(frozen=True, kw_only=True)
class SwappedColumns:
    """In some rows the values of two numeric columns are exchanged.

    Attributes:
        strengths: share of the rows, in (0, 1].
        columns: two numeric features; if empty, the two of the card (or of the history) that are most alike
            in location and spread, which nobody notices.
        unit: what fails as one: a row, or all rows of a request, a user or an item.
    """

    strengths: list[float] = field(default_factory=shares)
    columns: list[str] = field(default_factory=list)
    unit: Unit = "row"

    kind: ClassVar[Kind] = "sensor"
    family: ClassVar[Family] = Family.HELD_OUT
    seeded: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_strengths(self.strengths, least=0.0, most=1.0)
        check_unit(self.unit)
        if self.columns and (len(self.columns) != 2 or self.columns[0] == self.columns[1]):
            raise ValueError(
                f"columns is {self.columns}; name two different columns, or none to have them chosen"
            )

    def fits(self, rows: DriftRows) -> str | None:
        """Why not; see ``Injector``."""
        features, reason = numeric_features(rows, self.columns)
        if reason is None and len(features) < 2:
            return (
                f"only {[each.name for each in features]} is numeric with two different values; it takes two"
            )
        if reason is None and self._pair(rows) is None:
            return (
                f"the numeric features {[each.name for each in features]} have the same values in every row"
            )
        return reason

    def inject(self, rows: DriftRows, *, severity: int, seed: int) -> Drifted:
        """The rows after the drift; see ``Injector``."""
        share = strength_at(self, rows, severity)
        if share is None:
            return unchanged(rows)
        pair = self._pair(rows)
        assert pair is not None, "fits has seen to it"
        one, other = pair
        known = {name: numbers_of(rows, name) for name in pair}
        where = chances(rows, self.unit, seed, "swapped_columns") < share
        columns = {
            one: (np.where(where, known[other], known[one]), where),
            other: (np.where(where, known[one], known[other]), where),
        }
        return faulty(rows, columns, notes=(f"{one} and {other} are exchanged",))

    def strength_of(self, clean: DriftRows, drifted: Drifted) -> float:
        """Share of the values that are not what they were."""
        return changed_share(clean, drifted, drifted.changed_columns or ())

    def _pair(self, rows: DriftRows) -> tuple[str, str] | None:
        """The two columns to exchange; None where that would change nothing."""

        def look() -> tuple[str, str] | None:
            names = [feature.name for feature in numeric_features(rows, self.columns)[0]]
            return _most_alike({name: numbers_of(rows, name) for name in names})

        return rows.derived(("most alike", *self.columns), look)


def _most_alike(known: dict[str, Floats]) -> tuple[str, str] | None:
    """The two nearest, if not equal: of means in pooled deviations, and of logarithms of deviations."""
    moments = {}
    for name, values in known.items():
        finite = values[np.isfinite(values)]
        moments[name] = (float(finite.mean()), deviation_of(finite))

    def distance(pair: tuple[str, str]) -> float:
        (mean, deviation), (other_mean, other_deviation) = moments[pair[0]], moments[pair[1]]
        pooled = math.hypot(deviation, other_deviation)
        return abs(mean - other_mean) / pooled + abs(math.log(deviation / other_deviation))

    for one, other in sorted(combinations(known, 2), key=distance):
        if not np.array_equal(known[one], known[other], equal_nan=True):
            return one, other
    return None
