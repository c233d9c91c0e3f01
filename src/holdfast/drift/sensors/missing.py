"""Values go missing: by chance, or because of what they are.

N rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from holdfast.core.arrays import Bools, Floats
from holdfast.drift.changed import lost_share, told
from holdfast.drift.columns import any_features, blanked, numeric_features
from holdfast.drift.injector import Drifted, Family, Kind, unchanged
from holdfast.drift.ladder import check_strengths, shares, strength_at
from holdfast.drift.quantiles import column_quantiles
from holdfast.drift.rows import DriftRows
from holdfast.drift.units import Unit, chances, check_unit


@dataclass(frozen=True, kw_only=True)
class MissingAtRandom:
    """Values are missing by chance, in each column on its own.

    Attributes:
        strengths: share of the values, in (0, 1].
        columns: features; if empty, all of the card, or of the history if it has none.
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
        return any_features(rows, self.columns)[1]

    def inject(self, rows: DriftRows, *, severity: int, seed: int) -> Drifted:
        """The rows after the drift; see ``Injector``."""
        share = strength_at(self, rows, severity)
        if share is None:
            return unchanged(rows)
        names = [feature.name for feature in any_features(rows, self.columns)[0]]
        masks = {name: chances(rows, self.unit, seed, "missing_at_random", name) < share for name in names}
        return _missing(rows, masks, asked=self.columns)

    def strength_of(self, clean: DriftRows, drifted: Drifted) -> float:
        """Share of the values that went missing."""
        return lost_share(clean, drifted, drifted.changed_columns or ())


@dataclass(frozen=True, kw_only=True)
class MissingByValue:
    """Large values are missing more often: with chance ``min(1, 2 strength q)`` at the quantile q.

    Up to a strength of 1/2 that is the share of the values that are lost. What is left looks like less than
    there is, and a model that takes the mean for what is missing is wrong about just the large ones.

    Attributes:
        strengths: in (0, 1].
        columns: numeric features; if empty, all of the card, or of the history if it has none.
        low: whether small values are missing instead.
    """

    strengths: list[float] = field(default_factory=shares)
    columns: list[str] = field(default_factory=list)
    low: bool = False

    kind: ClassVar[Kind] = "sensor"
    family: ClassVar[Family] = Family.EVALUATION
    seeded: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_strengths(self.strengths, least=0.0, most=1.0)

    def fits(self, rows: DriftRows) -> str | None:
        """Why not; see ``Injector``."""
        return numeric_features(rows, self.columns)[1]

    def inject(self, rows: DriftRows, *, severity: int, seed: int) -> Drifted:
        """The rows after the drift; see ``Injector``."""
        strength = strength_at(self, rows, severity)
        if strength is None:
            return unchanged(rows)
        masks = {}
        for feature in numeric_features(rows, self.columns)[0]:
            quantile = column_quantiles(rows, feature.name)
            rank = 1.0 - quantile if self.low else quantile
            uniform = chances(rows, "row", seed, "missing_by_value", feature.name)
            masks[feature.name] = uniform < _chance(rank, strength)
        return _missing(rows, masks, asked=self.columns)

    def strength_of(self, clean: DriftRows, drifted: Drifted) -> float:
        """Share of the values that went missing."""
        return lost_share(clean, drifted, drifted.changed_columns or ())


def _chance(rank: Floats, strength: float) -> Floats:
    # A missing value has no rank, and cannot go missing once more.
    return np.asarray(np.nan_to_num(np.minimum(1.0, 2.0 * strength * rank)))


def _missing(rows: DriftRows, masks: dict[str, Bools], *, asked: Sequence[str]) -> Drifted:
    columns = {name: blanked(rows, name, where) for name, where in masks.items()}
    changed = np.logical_or.reduce(list(masks.values()))
    figures = {"share_of_cells": float(np.mean([where.mean() for where in masks.values()]))}
    drifted = Drifted(rows.with_columns(columns), tuple(columns), changed, (), figures)
    return told(rows, drifted, asked=asked)
