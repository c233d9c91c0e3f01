"""Which row of an embedding table stands for which value, and the encoding of values and lists of values.

N rows, M values, L values kept of a list.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from pandas.api import types

from holdfast.core.arrays import Bools, Ints
from holdfast.core.features import MISSING_ROW, UNKNOWN_ROW

NUM_RESERVED = 2
"""Rows before the first value: missing and unknown."""

Keys = NDArray[Any]
"""Values in one spelling: int64, or text as Python strings in an object array."""


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """The values that have an embedding row of their own, in the order of the rows.

    A value is what it is written as: 7, 7.0 and "7" are one value, and True is 1.

    Attributes:
        keys: int64 or text, most frequent first; the value at ``i`` has row ``i + 2``.
    """

    keys: Keys

    @property
    def num_rows(self) -> int:
        """Rows of the embedding table, the missing and the unknown row included."""
        return len(self.keys) + NUM_RESERVED

    def rows(self, values: pd.Series | Keys) -> Ints:
        """The embedding row of each value, int32 ``[M]``; nulls and infinities are missing.

        Raises:
            TypeError: the values cannot be told apart, such as lists.
        """
        if values.dtype == np.int64 and self._row_of_number is not None:
            # Below 0 becomes huge, and whatever is beyond the table is the last of it: unknown.
            number = np.asarray(values).astype(np.uint64)
            return self._row_of_number[np.minimum(number, np.uint64(len(self._row_of_number) - 1))]
        codes, keys, real = _categories(values) or distinct(values)
        table = np.full(len(keys) + 1, MISSING_ROW, dtype=np.int32)
        found = self._find(keys)
        table[:-1] = np.where(real, np.where(found < 0, UNKNOWN_ROW, found + NUM_RESERVED), MISSING_ROW)
        return table[codes]  # The code of a null is -1, the last row of the table.

    def _find(self, keys: Keys) -> Ints:
        if keys.dtype == self.keys.dtype:
            return _places(self._index, keys)
        if keys.dtype == np.int64:
            return _places(self._index, as_text(keys))
        return _places(self._text_index, keys)

    @cached_property
    def _row_of_number(self) -> Ints | None:
        """The row of each number from 0, the last one unknown; None where that would be a long table."""
        keys = self.keys
        if keys.dtype != np.int64 or not len(keys) or keys.min() < 0 or keys.max() > 8 * len(keys) + 1024:
            return None
        table = np.full(int(keys.max()) + 2, UNKNOWN_ROW, dtype=np.int32)
        table[keys] = np.arange(NUM_RESERVED, self.num_rows, dtype=np.int32)
        return table

    @cached_property
    def _index(self) -> pd.Index:
        return pd.Index(self.keys, dtype=self.keys.dtype)

    @cached_property
    def _text_index(self) -> pd.Index:
        return pd.Index(as_text(self.keys), dtype=object)


def _places(index: pd.Index, keys: Keys) -> Ints:
    """Where each key stands in ``index``, -1 where it does not, ``[K]``."""
    return np.asarray(index.get_indexer(pd.Index(keys, dtype=keys.dtype)))


def fit_vocabulary(columns: Iterable[pd.Series | Keys], *, min_count: int, max_vocabulary: int) -> Vocabulary:
    """The values of some columns together, most frequent first and equally frequent ones in order.

    Args:
        columns: values, each ``[M]``; lists flattened.
        min_count: a value that occurs less often gets no row of its own.
        max_vocabulary: at most so many values, the most frequent ones.
    """
    counted: list[tuple[Keys, Ints]] = []
    for column in columns:
        codes, keys, real = distinct(column)
        counts = np.bincount(codes[codes >= 0], minlength=len(keys))
        counted.append((keys[real], counts[real]))
    whole = all(keys.dtype == np.int64 for keys, _ in counted if len(keys))
    keys = np.concatenate([keys.astype(np.int64) if whole else as_text(keys) for keys, _ in counted])
    counts = np.concatenate([counts for _, counts in counted])
    total = pd.Series(counts, dtype=np.int64).groupby(pd.Index(keys, dtype=keys.dtype), sort=True).sum()
    total = total[total >= min_count]
    order = np.argsort(-total.to_numpy(), kind="stable")[:max_vocabulary]
    return Vocabulary(total.index.to_numpy(dtype=keys.dtype)[order])


def distinct(values: pd.Series | Keys) -> tuple[Ints, Keys, Bools]:
    """Values as codes of distinct keys.

    Returns:
        The code of each value ``[M]``, -1 for a null; the keys ``[K]``; and whether a key is a value at all,
        which an infinity is not, ``[K]``.
    """
    codes, uniques = pd.factorize(values)
    keys, real = _keys(uniques)
    return codes.astype(np.int64, copy=False), keys, real


def _categories(values: pd.Series | Keys) -> tuple[Ints, Keys, Bools] | None:
    """What ``distinct`` gives, with all categories as keys; None if values are none, or have too many."""
    if not isinstance(values, pd.Series) or not isinstance(values.dtype, pd.CategoricalDtype):
        return None
    if len(values.dtype.categories) > len(values):
        return None
    return values.cat.codes.to_numpy(), *_keys(values.dtype.categories)


def as_text(keys: Keys) -> Keys:
    """Keys as text, object ``[K]``."""
    if keys.dtype == object:
        return keys
    text = np.empty(len(keys), dtype=object)
    text[:] = [str(key) for key in keys.tolist()]
    return text


def _keys(uniques: Any) -> tuple[Keys, Bools]:
    dtype = uniques.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return _keys(uniques.categories[uniques.codes])
    if types.is_bool_dtype(dtype) or types.is_integer_dtype(dtype):
        return _all(np.asarray(uniques).astype(np.int64))
    if types.is_float_dtype(dtype):
        return _keys_of_numbers(np.asarray(uniques, dtype=np.float64))
    objects = np.asarray(uniques, dtype=object)
    kind = types.infer_dtype(objects, skipna=True)
    if kind in ("string", "empty"):
        return _all(objects)
    if kind in ("floating", "mixed-integer-float"):
        return _keys_of_numbers(objects.astype(np.float64))
    if kind in ("integer", "boolean"):
        # Numbers beyond 64 bits are told apart by how they are written, below.
        with contextlib.suppress(OverflowError):
            return _all(objects.astype(np.int64))
    text = np.empty(len(objects), dtype=object)
    text[:] = [_written(value) for value in objects]
    return _all(text)


def _keys_of_numbers(numbers: NDArray[np.float64]) -> tuple[Keys, Bools]:
    finite = np.isfinite(numbers)
    whole = finite & (np.floor(numbers) == numbers) & (np.abs(numbers) < 2.0**63)
    if (whole | ~finite).all():
        return np.where(whole, numbers, 0.0).astype(np.int64), finite
    text = np.empty(len(numbers), dtype=object)
    text[:] = [_written(number) for number in numbers.tolist()]
    return text, finite


def _written(value: Any) -> str:
    """Text of a value, the same for numbers that are equal."""
    if isinstance(value, (bool, np.bool_)):
        return str(int(value))
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        return str(int(value))
    return str(value)


def _all(keys: Keys) -> tuple[Keys, Bools]:
    return keys, np.ones(len(keys), dtype=bool)


def each_list_once(lists: pd.Series) -> tuple[pd.Series, Ints | None]:
    """The distinct objects among the lists, where many rows share one, as the candidates of a request do.

    Returns:
        The lists, and which of them each row has ``[N]``; the column itself and None where few are shared.
    """
    if not types.is_object_dtype(lists.dtype):
        return lists, None
    cells = lists.to_numpy()
    which, seen = pd.factorize(np.fromiter(map(id, cells), dtype=np.int64, count=len(cells)))
    if 2 * len(seen) > len(cells):
        return lists, None
    place = np.empty(len(seen), dtype=np.int64)
    place[which[::-1]] = np.arange(len(cells) - 1, -1, -1)
    return pd.Series(cells[place], dtype=object), which


def flatten(lists: pd.Series) -> tuple[Ints, Keys]:
    """The values of lists one after the other, nulls left out.

    Args:
        lists: a list, tuple or array a row, or a null; a value that is no list counts as a list of one.

    Returns:
        The row of each value, ascending, ``[M]``, and the values ``[M]``.
    """
    array = _arrow(lists)
    if pa.types.is_list(array.type) or pa.types.is_large_list(array.type):
        lengths = array.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
        values = array.flatten()
        rows = np.repeat(np.arange(len(lists), dtype=np.int64), lengths)
    else:
        rows, values = np.arange(len(lists), dtype=np.int64), array
    real = values.is_valid().to_numpy(zero_copy_only=False)
    return rows[real], values.drop_null().to_numpy(zero_copy_only=False)


def _arrow(lists: pd.Series) -> Any:
    try:
        array = pa.array(lists, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        # Rows of different types. Slow, and only met where something is wrong with the column.
        array = pa.array([_texts(value) for value in lists], type=pa.list_(pa.string()))
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array


def _texts(value: Any) -> list[str | None] | None:
    if types.is_list_like(value):
        return [None if pd.isna(each) else _written(each) for each in value]
    return None if pd.isna(value) else [_written(value)]


def pad(rows: Ints, values: Ints, *, num_rows: int, length: int, keep_last: bool) -> NDArray[np.int32]:
    """Values of rows as one matrix, padded at the end with ``MISSING_ROW``.

    Args:
        rows: row of each value, ascending, ``[M]``.
        values: embedding rows, ``[M]``; those that are ``MISSING_ROW`` are left out.
        num_rows: N.
        length: L.
        keep_last: keep the last values of a longer list instead of the first.

    Returns:
        int32 ``[N, L]``.
    """
    real = values != MISSING_ROW
    rows, values = rows[real], values[real]
    lengths = np.bincount(rows, minlength=num_rows)
    ends = np.cumsum(lengths)
    place = np.arange(len(rows)) - (ends - lengths)[rows]
    if keep_last:
        place = place - np.maximum(lengths - length, 0)[rows]
    kept = (place >= 0) & (place < length)
    padded = np.full((num_rows, length), MISSING_ROW, dtype=np.int32)
    padded[rows[kept], place[kept]] = values[kept]
    return padded
