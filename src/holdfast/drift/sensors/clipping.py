"""A sensor saturates: beyond its range it says the end of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from holdfast.core.arrays import Bools, Floats
from holdfast.drift.changed import changed_share
from holdfast.drift.columns import numbers_of, numeric_features
from holdfast.drift.injector import Drifted, Family, Kind, unchanged
from holdfast.drift.ladder import check_strengths, strength_at
from holdfast.drift.rows import DriftRows
from holdfast.drift.sensors.faulty import faulty


def _quantiles() -> list[float]:
    return [0.01, 0.05, 0.1, 0.25, 0.45]


@dataclass(frozen=True, kw_only=True)
class Clipping:
    """Values are cut to the range between two quantiles; there is no chance in it.

    Attributes:
        strengths: share of the values beyond each end, in (0, 0.5).
        columns: numeric features; if empty, all of the card, or of the history if it has none.
    """

    strengths: list[float] = field(default_factory=_quantiles)
    columns: list[str] = field(default_factory=list)

    kind: ClassVar[Kind] = "sensor"
    family: ClassVar[Family] = Family.EVALUATION
    seeded: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_strengths(self.strengths, least=0.0, most=0.5)
        if self.strengths[-1] >= 0.5:
            raise ValueError(
                f"strengths is {self.strengths}; half from each end leaves nothing: keep below 0.5"
            )

    def fits(self, rows: DriftRows) -> str | None:
        """Why not; see ``Injector``."""
        features, reason = numeric_features(rows, self.columns)
        most = self.strengths[-1]
        names = [each.name for each in features]

        def cuts() -> bool:
            return any(_cut(rows, name, most)[1].any() for name in names)

        if reason is None and not rows.derived(("cuts", most, *names), cuts):
            return f"a share of {most:g} of the values lies at each end of {names}: no value is beyond it"
        return reason

    def inject(self, rows: DriftRows, *, severity: int, seed: int) -> Drifted:
        """The rows after the drift; see ``Injector``."""
        beyond = strength_at(self, rows, severity)
        if beyond is None:
            return unchanged(rows)
        columns = {}
        for feature in numeric_features(rows, self.columns)[0]:
            columns[feature.name] = _cut(rows, feature.name, beyond)
        return faulty(rows, columns, asked=self.columns)

    def strength_of(self, clean: DriftRows, drifted: Drifted) -> float:
        """Share of the values that were cut."""
        return changed_share(clean, drifted, drifted.changed_columns or ())


def _cut(rows: DriftRows, name: str, beyond: float) -> tuple[Floats, Bools]:
    """A column cut at the quantiles ``beyond`` and 1 - ``beyond``, and where that changed it, ``[N]``."""
    values = numbers_of(rows, name)
    low, high = np.quantile(values[np.isfinite(values)], [beyond, 1.0 - beyond])
    where = (values < low) | (values > high)
    return np.where(where, np.clip(values, low, high), values), where
