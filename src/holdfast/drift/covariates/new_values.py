"""Values of categorical features that training never saw: a new market, new categories."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from holdfast.core.arrays import Bools
from holdfast.core.random import generator
from holdfast.drift.changed import changed_rows_share, changed_share, told
from holdfast.drift.columns import categorical_features, known_categories, places_of
from holdfast.drift.injector import Drifted, Family, Kind, unchanged
from holdfast.drift.ladder import check_strengths, shares, shares_of_values, strength_at
from holdfast.drift.rows import DriftRows
from holdfast.drift.units import chances
from holdfast.drift.unseen import unseen


@dataclass(frozen=True, kw_only=True)
class NewMarket:
    """A share of the users has a value of a categorical feature that training never saw.

    Attributes:
        strengths: share of the users, in (0, 1].
        column: a categorical feature of users or contexts; if empty, the first on the card that belongs to
            users, or else to contexts.
    """

    strengths: list[float] = field(default_factory=shares)
    column: str = ""

    kind: ClassVar[Kind] = "covariate"
    family: ClassVar[Family] = Family.HELD_OUT
    seeded: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_strengths(self.strengths, least=0.0, most=1.0)

    def fits(self, rows: DriftRows) -> str | None:
        """Why not; see ``Injector``."""
        return self._column(rows)[1]

    def inject(self, rows: DriftRows, *, severity: int, seed: int) -> Drifted:
        """The rows after the drift; see ``Injector``."""
        share = strength_at(self, rows, severity)
        if share is None:
            return unchanged(rows)
        name, _ = self._column(rows)
        new = chances(rows, "user", seed, "new_market") < share
        column = unseen(rows.rows[name], new, which=np.zeros(len(rows), dtype=np.int64))
        note = f"a new value of {name}"
        figures = {"share_of_rows": float(new.mean())}
        return told(rows, Drifted(rows.with_columns({name: column}), (name,), new, (note,), figures))

    def strength_of(self, clean: DriftRows, drifted: Drifted) -> float:
        """Share of the rows in the new market."""
        return changed_rows_share(drifted)

    def _column(self, rows: DriftRows) -> tuple[str, str | None]:
        features, reason = categorical_features(rows, [self.column] if self.column else [])
        if reason is not None:
            return "", reason
        of_user = [each.name for each in features if each.owner == "user"]
        of_context = [each.name for each in features if each.owner == "context"]
        names = of_user or of_context
        return (names[0], None) if names else ("", "users and contexts have no such categorical feature")


@dataclass(frozen=True, kw_only=True)
class NewCategories:
    """A share of the values of categorical features is replaced by ones that training never saw.

    As when a catalogue is sorted anew: all rows of an old value have the same new one. Lists are left alone.

    Attributes:
        strengths: share of the values of each column, in (0, 1]; at least one value.
        columns: categorical features; if empty, all that belong to items, or if they have none, all.
    """

    strengths: list[float] = field(default_factory=shares_of_values)
    columns: list[str] = field(default_factory=list)

    kind: ClassVar[Kind] = "covariate"
    family: ClassVar[Family] = Family.EVALUATION
    seeded: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_strengths(self.strengths, least=0.0, most=1.0)

    def fits(self, rows: DriftRows) -> str | None:
        """Why not; see ``Injector``."""
        return self._columns(rows)[1]

    def inject(self, rows: DriftRows, *, severity: int, seed: int) -> Drifted:
        """The rows after the drift; see ``Injector``."""
        share = strength_at(self, rows, severity)
        if share is None:
            return unchanged(rows)
        names, _ = self._columns(rows)
        columns, any_new = {}, np.zeros(len(rows), dtype=np.bool_)
        for name in names:
            new, which = _replaced(rows, name, share=share, seed=seed)
            columns[name] = unseen(rows.rows[name], new, which=which)
            any_new |= new
        figures = {"share_of_rows": float(any_new.mean())}
        drifted = Drifted(rows.with_columns(columns), tuple(names), any_new, (), figures)
        return told(rows, drifted, asked=self.columns)

    def strength_of(self, clean: DriftRows, drifted: Drifted) -> float:
        """Share of the values of those columns that are new."""
        return changed_share(clean, drifted, drifted.changed_columns or ())

    def _columns(self, rows: DriftRows) -> tuple[list[str], str | None]:
        features, reason = known_categories(rows, self.columns)
        chosen = features if self.columns else [each for each in features if each.owner == "item"] or features
        return [each.name for each in chosen], reason


def _replaced(rows: DriftRows, name: str, *, share: float, seed: int) -> tuple[Bools, np.ndarray]:
    """Rows whose value is replaced ``[N]``, and the code of every row's value, -1 where missing, ``[N]``."""
    # What is missing has no value that could be new.
    which, values = places_of(rows, name)
    order = generator(seed, "drift", "new_categories", name).permutation(len(values))
    chosen = np.zeros(len(order), dtype=np.bool_)
    chosen[order[: max(1, round(share * len(order)))]] = True
    return chosen[which] & (which >= 0), which
