"""Values that training cannot have seen.

N rows.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from pandas.api import types

from holdfast.core.arrays import Bools, Ints

_BEYOND = 2**62
"""No log counts so far, so an identity from here on is new. Numbers with a fraction go to 2**52 exactly."""
_BEYOND_FLOATS = 2**52
_WORD = "unseen_"


def unseen(column: pd.Series, where: Bools, *, which: Ints) -> Any:
    """A column with new values where ``where``, ``[N]``; in its own type if that can hold them.

    Args:
        column: integers, booleans or text.
        where: rows that get a new value, ``[N]``.
        which: rows of one number get one new value, from 0, ``[N]``.
    """
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype(column.cat.categories.dtype if not column.hasnans else object)
    if types.is_bool_dtype(column.dtype):
        column = column.astype("Int64") if column.hasnans else column.astype(np.int64)
    if types.is_float_dtype(column.dtype):
        return np.where(where, _BEYOND_FLOATS + which, column.to_numpy(dtype=np.float64, na_value=np.nan))
    if types.is_integer_dtype(column.dtype):
        return column.mask(where, _BEYOND + which)
    return _unseen_text(column, where, which)


def _unseen_text(column: pd.Series, where: Bools, which: Ints) -> Any:
    """Each distinct word is looked at once; a take of codes is fast."""
    codes, words = pd.factorize(column)
    numbers, place = np.unique(which[where], return_inverse=True)
    new = [f"{_WORD}{number}" for number in numbers.tolist()]
    table = pd.Series([*words.tolist(), *new], dtype=column.dtype).array
    placed = codes.astype(np.int64)
    placed[where] = len(words) + place
    return table.take(placed, allow_fill=True)
