"""What a column holds, and its values in the form in which they are compared.

N rows of a column.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pandas.api import types

Kind = Literal["numeric", "categorical", "moment", "other"]
"""How a column is compared; ``moment`` and ``other`` (lists, mixtures) for missing values alone."""

Family = Literal["number", "boolean", "text", "moment", "other", "empty"]
"""What a column's values are; ``empty`` where nothing says: only nulls without a type."""

MOST = 1e100
"""A number beyond this counts as infinite: its cube, which skewness needs, is hardly a number any more."""

_OBJECTS: dict[str, Family] = {
    "string": "text",
    "boolean": "boolean",
    "integer": "number",
    "floating": "number",
    "mixed-integer-float": "number",
    "decimal": "number",
    "datetime": "moment",
    "datetime64": "moment",
    "date": "moment",
    "timedelta": "moment",
    "timedelta64": "moment",
    "time": "moment",
    "period": "moment",
    "empty": "empty",
}


def family_of(column: pd.Series) -> Family:
    """What the values of a column are, by its type or, for objects, by looking at them."""
    dtype = column.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return family_of(dtype.categories.to_series()) if len(dtype.categories) else "empty"
    if types.is_bool_dtype(dtype):
        return "boolean"
    if types.is_numeric_dtype(dtype):
        return "other" if types.is_complex_dtype(dtype) else "number"
    if types.is_object_dtype(dtype):
        return _OBJECTS.get(types.infer_dtype(column, skipna=True), "other")
    if isinstance(dtype, pd.ArrowDtype):
        return _arrow_family(dtype.pyarrow_dtype)
    if types.is_string_dtype(dtype):
        return "text"
    if types.is_datetime64_any_dtype(dtype) or types.is_timedelta64_dtype(dtype):
        return "moment"
    return "moment" if isinstance(dtype, pd.PeriodDtype) else "other"


def _arrow_family(dtype: pa.DataType) -> Family:
    if pa.types.is_dictionary(dtype):
        return _arrow_family(dtype.value_type)
    if pa.types.is_decimal(dtype):
        return "number"
    if pa.types.is_string(dtype) or pa.types.is_large_string(dtype) or pa.types.is_string_view(dtype):
        return "text"
    if pa.types.is_null(dtype):
        return "empty"
    return "moment" if pa.types.is_temporal(dtype) else "other"


def kind_of(family: Family, *, is_categorical: bool = False) -> Kind:
    """How a column of a family is compared; numbers as categories where the user says so."""
    if family == "number":
        return "categorical" if is_categorical else "numeric"
    if family in ("text", "boolean"):
        return "categorical"
    return "moment" if family == "moment" else "other"


def is_coded(column: pd.Series) -> bool:
    """Whether pandas itself holds the column as categories, which makes numbers categories too."""
    if isinstance(column.dtype, pd.ArrowDtype):
        return bool(pa.types.is_dictionary(column.dtype.pyarrow_dtype))
    return isinstance(column.dtype, pd.CategoricalDtype)


@dataclass(frozen=True, kw_only=True)
class Numbers:
    """A column of numbers, taken apart.

    Attributes:
        finite: the finite values, in their order of rows, ``[N]`` or fewer.
        num_missing: rows that are null or NaN.
        num_positive_infinite: rows of plus infinity.
        num_negative_infinite: rows of minus infinity.
    """

    finite: NDArray[np.floating]
    num_missing: int = 0
    num_positive_infinite: int = 0
    num_negative_infinite: int = 0

    @property
    def num_rows(self) -> int:
        """All rows, whatever they hold."""
        infinite = self.num_positive_infinite + self.num_negative_infinite
        return len(self.finite) + self.num_missing + infinite


def numbers_of(column: pd.Series) -> Numbers:
    """Numbers as float32 where they are such already, as float64 otherwise; missing and infinite ones
    apart.
    """
    values = _as_floats(column)
    largest = MOST if values.dtype == np.float64 else np.finfo(values.dtype).max
    if len(values) == 0 or (values.min() >= -largest and values.max() <= largest):  # false beside a NaN
        return Numbers(finite=values)
    is_finite = np.abs(values) <= largest
    strange = values[~is_finite]
    return Numbers(
        finite=values[is_finite],
        num_missing=int(np.isnan(strange).sum()),
        num_positive_infinite=int((strange > 0).sum()),
        num_negative_infinite=int((strange < 0).sum()),
    )


def _as_floats(column: pd.Series) -> NDArray[np.floating]:
    if isinstance(column.dtype, np.dtype) and column.dtype.kind == "f":
        plain = column.to_numpy()
        return (
            plain.astype(np.float32) if plain.dtype == np.float16 else plain.astype(plain.dtype, copy=False)
        )
    if types.is_object_dtype(column.dtype) or isinstance(column.dtype, pd.CategoricalDtype):
        cells = column.to_numpy(dtype=object)
        return np.fromiter((_as_float(cell) for cell in cells), dtype=np.float64, count=len(cells))
    return column.to_numpy(dtype=np.float64, na_value=np.nan)


def _as_float(cell: Any) -> float:
    if cell is None or pd.isna(cell):
        return np.nan
    try:
        return float(cell)
    except OverflowError:  # an integer beyond the largest float
        return np.inf if cell > 0 else -np.inf


def category_counts(column: pd.Series) -> tuple[dict[str, int], int]:
    """How often each category occurs, by its label, and how many rows are missing.

    A whole number has one label whether it is stored as an integer or, beside nulls, as a float.
    """
    if isinstance(column.dtype, pd.SparseDtype):  # arrow reads no sparse columns
        column = pd.Series(np.asarray(column), index=column.index)
    if isinstance(column.dtype, pd.CategoricalDtype):
        codes = column.cat.codes.to_numpy()
        count = np.bincount(codes.astype(np.int64) + 1, minlength=len(column.cat.categories) + 1)
        return _merged(column.cat.categories, count[1:]), int(count[0])
    num_missing = int(column.isna().sum())
    if types.is_object_dtype(column.dtype):
        held = column[column.notna()]
        if family_of(held) == "other":
            held = held.map(label_of)
        counted = held.value_counts(sort=False)
        return _merged(counted.index, counted.to_numpy()), num_missing
    arrow = pa.array(column, from_pandas=True)
    counted = pc.value_counts(arrow)
    values = counted.field("values").to_pylist()
    return _merged(values, counted.field("counts").to_numpy(zero_copy_only=False)), num_missing


def _merged(values: Iterable[Any], counts: NDArray[np.integer]) -> dict[str, int]:
    merged: dict[str, int] = {}
    for value, count in zip(values, counts.tolist(), strict=True):
        if count and not (value is None or _is_nan(value)):
            label = label_of(value)
            merged[label] = merged.get(label, 0) + count
    return merged


def _is_nan(value: Any) -> bool:
    return value is pd.NA or value is pd.NaT or (isinstance(value, (float, np.floating)) and np.isnan(value))


def label_of(value: Any) -> str:
    """The label by which a category is counted; whole numbers have one, of whatever type they are."""
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        return str(int(value))
    return str(value)
