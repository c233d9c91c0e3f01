"""The types that a column of the log may have, and how a column is brought to each.

A value is converted only where nothing is lost; whatever else is found is reported, never guessed at.

N rows of the log.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
from pandas.api import types
from pandas.api.extensions import ExtensionDtype

from holdfast.core.features import Feature


class FormError(ValueError):
    """A column cannot be brought to its form; the message is the rule that it breaks."""

    def __init__(self, rule: str, remedy: str = "") -> None:
        super().__init__(rule)
        self.rule, self.remedy = rule, remedy


_NULL_DTYPES: dict[str, ExtensionDtype | np.dtype[Any]] = {
    "integers": pd.Int64Dtype(),
    "numbers": np.dtype("float64"),
    "text": pd.StringDtype(na_value=np.nan),
    "timestamps in UTC": pd.DatetimeTZDtype("us", "UTC"),
}


def nulls(form: str, *, num_rows: int) -> pd.Series:
    """A column of a form, null in every row."""
    return pd.Series(None, dtype=_NULL_DTYPES[form], index=pd.RangeIndex(num_rows))


_SIMPLE_DTYPES: dict[str, ExtensionDtype | np.dtype[Any]] = {
    "string": pd.StringDtype(na_value=np.nan),
    "integer": pd.Int64Dtype(),
    "boolean": pd.BooleanDtype(),
    "floating": np.dtype("float64"),
}


def _found(column: pd.Series) -> str:
    if not types.is_object_dtype(column.dtype):
        return str(column.dtype)
    return f"{types.infer_dtype(column, skipna=True)} objects"


def _wrong(column: pd.Series, wanted: str, remedy: str = "") -> FormError:
    rule = f"wrong type: found {_found(column)}, wanted {wanted}"
    return FormError(rule, remedy or f"write it as {wanted}")


def _plain(column: pd.Series) -> pd.Series:
    """Categories as their values, objects of one simple type as that type."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        return _plain(column.astype(column.cat.categories.dtype if not column.hasnans else object))
    if types.is_object_dtype(column.dtype):
        found = types.infer_dtype(column, skipna=True)
        if found in _SIMPLE_DTYPES:
            return column.astype(_SIMPLE_DTYPES[found])
    return column


def _integers(column: pd.Series, wanted: str = "integers") -> pd.Series:
    """As Int64; numbers without a fraction count, because a null made them floating."""
    column = _plain(column)
    if column.isna().all():
        return nulls("integers", num_rows=len(column))
    if types.is_float_dtype(column.dtype):
        values = column.to_numpy(dtype=np.float64, na_value=np.nan)
        if not np.array_equal(values, np.round(values), equal_nan=True) or np.nanmax(np.abs(values)) >= 2**53:
            raise _wrong(column, wanted)
        return pd.Series(values, name=column.name).astype("Int64")
    if not types.is_integer_dtype(column.dtype):
        raise _wrong(column, wanted)
    if types.is_unsigned_integer_dtype(column.dtype) and column.max() > np.iinfo(np.int64).max:
        raise FormError("integers beyond 64 bits with a sign", "write them as text")
    return column.astype("Int64")


def _ids(column: pd.Series) -> pd.Series:
    """As int64 or text; Int64 while nulls are in the way."""
    column = _plain(column)
    if types.is_integer_dtype(column.dtype):
        column = _integers(column)
        return column if column.hasnans else column.astype("int64")
    if types.is_string_dtype(column.dtype) and not types.is_object_dtype(column.dtype):
        return column.astype("str")
    raise _wrong(column, "integers or text")


def _numbers(column: pd.Series) -> pd.Series:
    """As float64, null as NaN."""
    if types.is_object_dtype(column.dtype) and types.infer_dtype(column, skipna=True) == "decimal":
        column = pd.to_numeric(column)
    column = _plain(column)
    if column.isna().all():
        return nulls("numbers", num_rows=len(column))
    if not types.is_numeric_dtype(column.dtype) or types.is_complex_dtype(column.dtype):
        raise _wrong(column, "numbers")
    return pd.Series(column.to_numpy(dtype=np.float64, na_value=np.nan), name=column.name)


def _measures(column: pd.Series) -> pd.Series:
    """Numbers, but true and false are none."""
    if types.is_bool_dtype(_plain(column).dtype):
        raise _wrong(column, "numbers")
    return _numbers(column)


def _booleans(column: pd.Series) -> pd.Series:
    """As bool; boolean while nulls are in the way."""
    column = _plain(column)
    if not types.is_bool_dtype(column.dtype):
        raise _wrong(column, "booleans", "write true and false, not numbers or text")
    return column.astype("boolean" if column.hasnans else "bool")


def _text(column: pd.Series) -> pd.Series:
    column = _plain(column)
    if column.isna().all():
        return nulls("text", num_rows=len(column))
    if not types.is_string_dtype(column.dtype) or types.is_object_dtype(column.dtype):
        raise _wrong(column, "text")
    return column.astype("str")


def _moments(column: pd.Series) -> pd.Series:
    """As datetime64[us, UTC]."""
    if column.isna().all():
        return nulls("timestamps in UTC", num_rows=len(column))
    dtype = column.dtype
    if isinstance(dtype, pd.DatetimeTZDtype):
        if dtype.tz.utcoffset(None) != timedelta(0):
            raise FormError(f"in {dtype.tz}, not in UTC", "convert it to UTC when writing the log")
        return column.astype("datetime64[us, UTC]")
    if types.is_datetime64_dtype(dtype):
        raise FormError("no time zone", "say which it is, and convert it to UTC when writing the log")
    if types.is_object_dtype(dtype) and types.infer_dtype(column, skipna=True) == "datetime":
        return _moments_of_objects(column)
    raise _wrong(column, "timestamps in UTC")


def _moments_of_objects(column: pd.Series) -> pd.Series:
    zones = {_zone(moment) for moment in column if not pd.isna(moment)}
    if len(zones) > 1:
        found = ", ".join(sorted(zones))
        raise FormError(f"mixed time zones: {found}", "convert all to UTC when writing the log")
    if zones == {"none"}:
        raise FormError("no time zone", "say which it is, and convert it to UTC when writing the log")
    if zones != {"UTC"}:
        raise FormError(f"in {zones.pop()}, not in UTC", "convert it to UTC when writing the log")
    return pd.to_datetime(column, utc=True).astype("datetime64[us, UTC]")


def _zone(moment: datetime) -> str:
    if moment.tzinfo is None:
        return "none"
    return "UTC" if moment.tzinfo.utcoffset(None) == timedelta(0) else str(moment.tzinfo)


def _categories(column: pd.Series) -> pd.Series:
    """Integers, booleans or text: what has one spelling, so that the same value is always the same word."""
    column = _plain(column)
    if column.isna().all():
        return nulls("text", num_rows=len(column))
    if types.is_bool_dtype(column.dtype):
        return _booleans(column)
    if types.is_numeric_dtype(column.dtype):
        whole = _integers(column, "integers, booleans or text (or declare it numeric)")
        return whole if whole.hasnans else whole.astype("int64")
    if types.is_string_dtype(column.dtype) and not types.is_object_dtype(column.dtype):
        return column.astype("str")
    raise _wrong(column, "integers, booleans or text")


def _lists(column: pd.Series) -> pd.Series:
    """Cells as arrays of int64 or of text; None where there is no list.

    Rows often share one list (a user's history), so each distinct object is converted once.
    """
    if column.isna().all():
        return pd.Series([None] * len(column), dtype=object, name=column.name)
    if not types.is_object_dtype(column.dtype) and not isinstance(column.dtype, pd.ArrowDtype):
        raise _wrong(column, "lists")
    cells = column.to_numpy(dtype=object)
    _, first, code = np.unique(
        np.fromiter(map(id, cells), dtype=np.int64, count=len(cells)), return_index=True, return_inverse=True
    )
    kinds: set[str] = set()
    converted = np.empty(len(first), dtype=object)
    for place, row in enumerate(first):
        converted[place] = _list(cells[row], kinds)
    if len(kinds) > 1:
        raise FormError("wrong type: integers in some lists, text in others", "write one of the two")
    if "text" in kinds:  # an empty list has the type of the others
        for place, values in enumerate(converted):
            converted[place] = None if values is None else values.astype(object)
    return pd.Series(converted[code], dtype=object, name=column.name)


def _list(cell: Any, kinds: set[str]) -> Any:
    if isinstance(cell, (list, tuple, np.ndarray)):
        values = np.asarray(cell) if len(cell) else np.zeros(0, dtype=np.int64)
        if values.ndim == 1 and values.size == 0:
            return values.astype(np.int64)
        if values.ndim == 1 and values.dtype.kind in "iu":
            kinds.add("integers")
            return values.astype(np.int64, copy=False)
        if values.ndim == 1 and all(isinstance(value, str) for value in values):
            kinds.add("text")
            return values.astype(object)
        raise FormError(
            "wrong type: lists of something else than integers or text", "mind nulls inside lists"
        )
    if cell is None or pd.isna(cell):
        return None
    raise FormError(f"wrong type: found {type(cell).__name__}, wanted lists", "write a list in every row")


def feature_form(feature: Feature) -> Callable[[pd.Series], pd.Series]:
    """How a column is brought to what a feature of this kind needs; raises ``FormError`` if not."""
    if feature.is_list:
        return _lists
    return _numbers if feature.kind == "numeric" else _categories


FORMS: dict[str, Callable[[pd.Series], pd.Series]] = {
    "integers or text": _ids,
    "integers": _integers,
    "numbers": _measures,
    "text": _text,
    "booleans": _booleans,
    "timestamps in UTC": _moments,
    "lists of integers or text": _lists,
}
"""How a column is brought to each form; raises ``FormError`` where it cannot be."""
