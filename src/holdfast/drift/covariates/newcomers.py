"""Users and items that training never saw."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import pandas as pd

from holdfast.core.arrays import Bools
from holdfast.core.features import FeatureOwner
from holdfast.data.canonical import COLUMN_NAMES
from holdfast.drift.changed import changed_cells, told
from holdfast.drift.history_columns import without_history
from holdfast.drift.injector import Drifted, Family, Kind, unchanged
from holdfast.drift.ladder import check_strengths, shares, strength_at
from holdfast.drift.rows import DriftRows
from holdfast.drift.units import chances, unit_codes
from holdfast.drift.unseen import unseen


@dataclass(frozen=True, kw_only=True)
class NewUsers:
    """A share of the users is new: an id never seen, no history, and sequences of what they did empty.

    What was declared of them stays: a newcomer may be asked.

    Attributes:
        strengths: share of the users, in (0, 1].
    """

    strengths: list[float] = field(default_factory=shares)

    kind: ClassVar[Kind] = "covariate"
    family: ClassVar[Family] = Family.TRAINING
    seeded: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_strengths(self.strengths, least=0.0, most=1.0)

    def fits(self, rows: DriftRows) -> str | None:
        """Why not; see ``Injector``."""
        return _nothing_to_forget(rows, "user")

    def inject(self, rows: DriftRows, *, severity: int, seed: int) -> Drifted:
        """The rows after the drift; see ``Injector``."""
        share = strength_at(self, rows, severity)
        if share is None:
            return unchanged(rows)
        new = chances(rows, "user", seed, "new_users") < share
        return _renamed(rows, "user", new)

    def strength_of(self, clean: DriftRows, drifted: Drifted) -> float:
        """Share of the rows whose user is new."""
        return _share_renamed(clean, drifted, "user_id")


@dataclass(frozen=True, kw_only=True)
class NewItems:
    """A share of the items is new: an id never seen, no history, and, if asked, categories of their own.

    Attributes:
        strengths: share of the items, in (0, 1].
        new_categories: whether the categorical features of a new item are unseen too, so that only its
            numbers and lists tell anything of it.
    """

    strengths: list[float] = field(default_factory=shares)
    new_categories: bool = True

    kind: ClassVar[Kind] = "covariate"
    family: ClassVar[Family] = Family.TRAINING
    seeded: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_strengths(self.strengths, least=0.0, most=1.0)

    def fits(self, rows: DriftRows) -> str | None:
        """Why not; see ``Injector``."""
        if len(rows) > 0 and self.new_categories and _categories(rows):
            return None
        return _nothing_to_forget(rows, "item")

    def inject(self, rows: DriftRows, *, severity: int, seed: int) -> Drifted:
        """The rows after the drift; see ``Injector``."""
        share = strength_at(self, rows, severity)
        if share is None:
            return unchanged(rows)
        new = chances(rows, "item", seed, "new_items") < share
        return _renamed(rows, "item", new, categories=self.new_categories)

    def strength_of(self, clean: DriftRows, drifted: Drifted) -> float:
        """Share of the rows whose item is new."""
        return _share_renamed(clean, drifted, "item_id")


def _nothing_to_forget(rows: DriftRows, owner: FeatureOwner) -> str | None:
    """Why newness cannot be seen: what a model reads is that of a newcomer already."""
    if len(rows) == 0:
        return "there are no rows"
    if any(feature.name == f"{owner}_id" for feature in rows.features):
        return None

    def has_past() -> bool:
        blank = without_history(rows, owner, np.ones(len(rows), dtype=np.bool_))
        return any(changed_cells(rows.rows[name], pd.Series(after)).any() for name, after in blank.items())

    if rows.derived(("has past", owner), has_past):
        return None
    return f"{owner}_id is no feature, and no {owner} in these rows has a history: all are like new already"


def _categories(rows: DriftRows) -> list[str]:
    """Categorical features of items, their ids aside."""
    return [
        feature.name
        for feature in rows.features
        if feature.owner == "item" and feature.kind == "categorical" and feature.name not in COLUMN_NAMES
    ]


def _renamed(rows: DriftRows, owner: FeatureOwner, new: Bools, *, categories: bool = False) -> Drifted:
    which = unit_codes(rows, "user" if owner == "user" else "item")
    name = f"{owner}_id"
    columns = without_history(rows, owner, new) | {name: unseen(rows.rows[name], new, which=which)}
    if categories:
        new_value = np.zeros_like(which)
        columns |= {each: unseen(rows.rows[each], new, which=new_value) for each in _categories(rows)}
    figures = {"share_of_rows": float(new.mean()), f"new_{owner}s": float(len(np.unique(which[new])))}
    return told(rows, Drifted(rows.with_columns(columns), tuple(columns), new, (), figures))


def _share_renamed(clean: DriftRows, drifted: Drifted, name: str) -> float:
    before, after = clean.rows[name].to_numpy(), drifted.rows.rows[name].to_numpy()
    return float(np.mean(before != after)) if len(before) else 0.0
