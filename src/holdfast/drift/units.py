"""What chance decides about as one: a row, a request, a user, an item.

N rows, Q requests, U units.
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
import pandas as pd

from holdfast.core.arrays import Floats, Ints
from holdfast.core.random import generator
from holdfast.drift.rows import DriftRows

Unit = Literal["row", "request", "user", "item"]
UNITS: tuple[Unit, ...] = get_args(Unit)


def check_unit(unit: str) -> None:
    """Refuse what is no unit.

    Raises:
        ValueError: it is none.
    """
    if unit not in UNITS:
        raise ValueError(f"unit is {unit!r}; choose one of {', '.join(UNITS)}")


def unit_codes(rows: DriftRows, unit: Unit) -> Ints:
    """An integer from 0 for each unit, in order of first appearance, int64 ``[N]``."""
    if unit == "row":
        return np.arange(len(rows), dtype=np.int64)
    return column_codes(rows, f"{unit}_id")


def column_codes(rows: DriftRows, name: str) -> Ints:
    """An integer from 0 for each value of a column; see ``codes_of``."""
    return rows.derived(("codes", name), lambda: codes_of(rows.rows[name]))


def codes_of(column: pd.Series) -> Ints:
    """An integer from 0 for each value, a null among them, in order of first appearance, int64 ``[N]``."""
    return pd.factorize(column, use_na_sentinel=False)[0].astype(np.int64, copy=False)


def first_rows(codes: Ints) -> Ints:
    """The first row of each code, ``[U]``; codes in order of first appearance, ``[N]``."""
    if len(codes) == 0:
        return np.zeros(0, dtype=np.int64)
    seen = np.maximum.accumulate(codes)
    new = np.ones(len(codes), dtype=np.bool_)
    new[1:] = seen[1:] > seen[:-1]
    return np.flatnonzero(new)


def num_units(codes: Ints) -> int:
    """How many units there are."""
    return int(codes.max(initial=-1)) + 1


def chances(rows: DriftRows, unit: Unit, seed: int, *names: str) -> Floats:
    """A number in [0, 1) of each row's unit, the same at every severity, ``[N]``.

    Below a share of s lie the rows of ``ceil(s U)`` units, so at least one; rows are drawn one by one.
    """
    if unit == "row":
        return generator(seed, "drift", *names).random(len(rows))
    codes = unit_codes(rows, unit)
    num = num_units(codes)
    return (generator(seed, "drift", *names).permutation(num) / max(num, 1))[codes]
