"""Rows with everything that goes wrong in production: ids that training never saw, and missing values.

M features.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from holdfast.core.features import Feature

CONTENT_COLUMN = "content_seconds"
UNSEEN_TEXT = "never-seen-in-training"
UNSEEN_NUMBER = 4_611_686_018_427_387_903  # 2**62 - 1: an id that no log hands out
EXTREME_NUMBER = 1e9


def num_probes(features: Sequence[Feature]) -> int:
    """How many of the first rows of ``probe_rows`` are made worse: two a feature, and four."""
    return 2 * len(features) + 4


def probe_rows(rows: pd.DataFrame, features: Sequence[Feature], *, num_rows: int) -> pd.DataFrame:
    """Real rows, repeated to ``num_rows`` or more, of which the first are made worse one by one.

    Row ``j`` lacks feature ``j`` of M; row ``M + j`` has a value of it that training never saw (a number far
    out for a numeric one); the next lacks every feature, the next has none that training knows, the next
    lacks ``content_seconds``, and the last of them has content of no end. The rest stay as they are.

    Args:
        rows: raw rows, at least one.
        features: the features that the encoder reads.
        num_rows: how many rows to make; at least ``num_probes(features)`` come.

    Returns:
        The features' columns and ``content_seconds`` where the rows have it, index from 0. Integer columns
        become nullable ones.

    Raises:
        ValueError: there is no row, or a feature's column is missing.
    """
    names = [feature.name for feature in features]
    absent = [name for name in names if name not in rows]
    if len(rows) == 0 or absent:
        raise ValueError(f"probes are made of real rows with every feature; {len(rows)} rows lack {absent}")
    columns = names + [name for name in (CONTENT_COLUMN,) if name in rows and name not in names]
    take = np.arange(max(num_rows, num_probes(features))) % len(rows)
    probes = rows[columns].iloc[take].reset_index(drop=True)
    everything = 2 * len(features)
    for index, feature in enumerate(features):
        values = _nullable(probes[feature.name])
        unseen = _unseen(values, feature)
        for row in (index, everything):
            values = _with_value(values, row, None)
        for row in (len(features) + index, everything + 1):
            values = _with_value(values, row, unseen)
        probes[feature.name] = values
    if CONTENT_COLUMN in probes:
        content = probes[CONTENT_COLUMN].astype(np.float64)
        content.iloc[everything + 2] = np.nan
        content.iloc[everything + 3] = np.inf
        probes[CONTENT_COLUMN] = content
    return probes


def _nullable(values: pd.Series) -> pd.Series:
    """The same values in a type that can hold a missing one."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        values = values.astype(values.cat.categories.dtype)
    if pd.api.types.is_bool_dtype(values.dtype):
        return values.astype("boolean")
    if pd.api.types.is_unsigned_integer_dtype(values.dtype):
        return values.astype("UInt64")
    if pd.api.types.is_integer_dtype(values.dtype):
        return values.astype("Int64")
    return values


def _unseen(values: pd.Series, feature: Feature) -> Any:
    if feature.kind == "numeric":
        return None if pd.api.types.is_bool_dtype(values.dtype) else EXTREME_NUMBER
    if feature.is_list:
        lists = [np.asarray(each) for each in values if each is not None and np.ndim(each) == 1]
        known = [value for each in lists for value in each]
        # Lists may all be empty, as a user's past is at the start of a log, and still be lists of integers.
        integers = any(np.issubdtype(each.dtype, np.integer) for each in lists)
        nothing = UNSEEN_NUMBER if integers else UNSEEN_TEXT
        one = _unseen_like(pd.Series(known)) if known else nothing
        return np.array([one, one])
    return _unseen_like(values)


def _unseen_like(values: pd.Series) -> Any:
    """A value of the same type that no training data hold; None where a type has no room for one."""
    if pd.api.types.is_bool_dtype(values.dtype):
        return None
    if pd.api.types.is_integer_dtype(values.dtype):
        return UNSEEN_NUMBER
    if pd.api.types.is_float_dtype(values.dtype):
        return float(UNSEEN_NUMBER)
    present = values.dropna()
    if len(present) and isinstance(present.iloc[0], int | np.integer):
        return UNSEEN_NUMBER
    return UNSEEN_TEXT


def _with_value(values: pd.Series, row: int, value: Any) -> pd.Series:
    """``values`` with another value in one row; lists are put in whole."""
    if values.dtype == object:
        changed = values.to_numpy(copy=True)
        changed[row] = value
        return pd.Series(changed, index=values.index, dtype=object)
    if pd.api.types.is_numeric_dtype(values.dtype) and not pd.api.types.is_bool_dtype(values.dtype):
        integers = pd.api.types.is_integer_dtype(values.dtype)
        value = int(value) if integers and value is not None else value
    values = values.copy()
    values.iloc[row] = pd.NA if value is None and not isinstance(values.dtype, np.dtype) else value
    return values
