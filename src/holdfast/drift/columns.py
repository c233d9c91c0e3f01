"""Which columns a drift falls upon, and why it cannot.

N rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from holdfast.core.arrays import Bools, Floats, Ints
from holdfast.core.features import Feature, FeatureKind
from holdfast.data.canonical import COLUMN_NAMES
from holdfast.data.scaling import as_numbers
from holdfast.drift.history_columns import is_history
from holdfast.drift.rows import DriftRows

Chosen = tuple[list[Feature], str | None]
"""Features, and why there are none."""


def numeric_features(rows: DriftRows, columns: Sequence[str]) -> Chosen:
    """The named numeric features; if none is named those of the card, or of the history if it has none.

    Those without two different values are left out: no fault can be told from them.
    """
    chosen, reason = _chosen(rows, columns, kinds=("numeric",))
    varying = [feature for feature in chosen if _varies(rows, feature.name)]
    if reason is None and not varying:
        reason = f"none of the numeric features {[each.name for each in chosen]} has two different values"
    return varying, reason


def categorical_features(rows: DriftRows, columns: Sequence[str]) -> Chosen:
    """The named categorical features; if none is named those of the card that are no contract columns."""
    return _chosen(rows, columns, kinds=("categorical",))


def known_categories(rows: DriftRows, columns: Sequence[str]) -> Chosen:
    """The same without those that have no value in any row."""
    return _known(rows, *categorical_features(rows, columns))


def any_features(rows: DriftRows, columns: Sequence[str]) -> Chosen:
    """The named features of any kind; if none is named those of the card, or of the history.

    Those without a single value are left out: they cannot lose any.
    """
    chosen, reason = _chosen(rows, columns, kinds=("numeric", "categorical", "multi_valued", "sequence"))
    return _known(rows, chosen, reason)


def deviation_of(values: Floats) -> float:
    """Standard deviation of the finite values, which may be huge; 0 where there are none."""
    known = values[np.isfinite(values)]
    # Dividing by the largest first keeps the squares of huge numbers finite.
    largest = float(np.abs(known).max(initial=0.0)) or 1.0
    return float((known / largest).std()) * largest if len(known) else 0.0


def numbers_of(rows: DriftRows, name: str) -> Floats:
    """A numeric column, NaN where missing, float64 ``[N]``."""
    return as_numbers(rows.rows[name])


def places_of(rows: DriftRows, name: str) -> tuple[Ints, pd.Series]:
    """Each row's place among the distinct values, -1 where it has none, ``[N]``; and those values ``[C]``."""

    def look() -> tuple[Ints, pd.Series]:
        codes, values = pd.factorize(rows.rows[name])
        return codes.astype(np.int64), pd.Series(values, dtype=rows.rows[name].dtype)

    return rows.derived(("places", name), look)


def blanked(rows: DriftRows, name: str, where: Bools) -> Any:
    """A column with no value where ``where``, ``[N]``; in a type that can hold none."""
    column = rows.rows[name]
    if column.dtype == object:
        cells = column.to_numpy(copy=True)
        cells[where] = None
        return cells
    if isinstance(column.dtype, pd.StringDtype):
        code, values = places_of(rows, name)
        return values.array.take(np.where(where, -1, code), allow_fill=True)
    return column.astype("boolean").mask(where) if column.dtype == np.bool_ else column.mask(where)


def _chosen(rows: DriftRows, columns: Sequence[str], *, kinds: tuple[FeatureKind, ...]) -> Chosen:
    if len(rows) == 0:
        return [], "there are no rows"
    possible = {
        feature.name: feature
        for feature in rows.features
        if feature.kind in kinds and feature.name not in COLUMN_NAMES
    }
    words = " or ".join(kinds)
    if columns:
        absent = [name for name in columns if name not in possible]
        if absent:
            return [], f"columns {absent} are no {words} features; there are {list(possible)}"
        return [possible[name] for name in columns], None
    of_card = [feature for feature in possible.values() if not is_history(feature.name)]
    chosen = of_card or list(possible.values())
    return chosen, None if chosen else f"there is no {words} feature"


def _known(rows: DriftRows, chosen: list[Feature], reason: str | None) -> Chosen:
    known = [each for each in chosen if _has_values(rows, each.name)]
    if reason is None and not known:
        reason = f"none of the features {[each.name for each in chosen]} has a value in any row"
    return known, reason


def _has_values(rows: DriftRows, name: str) -> bool:
    return rows.derived(("has values", name), lambda: bool(rows.rows[name].notna().any()))


def _varies(rows: DriftRows, name: str) -> bool:
    def look() -> bool:
        numbers = as_numbers(rows.rows[name])
        finite = numbers[np.isfinite(numbers)]
        return len(finite) > 0 and bool(finite.min() < finite.max())

    return rows.derived(("varies", name), look)
