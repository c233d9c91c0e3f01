"""A column of the reference, moved to another distribution with as little movement as that takes.

N rows of the reference, M values of the window.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from holdfast.core.arrays import Bools, Ints


def moved_like(column: pd.Series, toward: pd.Series, *, draw: np.random.Generator) -> pd.Series:
    """The column's rows with the distribution of ``toward``, each row as near to what it was as possible.

    Numbers keep their rank: the u-quantile becomes the u-quantile. Categories (and lists) keep their value
    unless there are now fewer of it; the rows that must move take what there are now more of. Missing rows
    are treated as categories are, and numbers among what is left.

    Args:
        column: of the reference, ``[N]``.
        toward: of the window, ``[M]``, at least one.
        draw: for ties and for which rows move.

    Returns:
        Values that occur in either, in the order of ``column``, ``[N]``.
    """
    if len(toward) == 0:
        raise ValueError("toward is empty; a column cannot be moved to no values")
    if _numeric(column) and (_numeric(toward) or bool(toward.isna().all())):
        return _moved_numbers(column, toward, draw)
    both = pd.concat([column, toward], ignore_index=True).astype(object)
    keys = both.map(_key)
    codes = pd.factorize(keys, use_na_sentinel=False)[0]
    here, there = codes[: len(column)], codes[len(column) :]
    target = _fewest_moves(here, there, draw)
    first = np.zeros(int(codes.max()) + 1, dtype=np.int64)
    first[codes[::-1]] = np.arange(codes.size)[::-1]
    values = both.iloc[first[target]].to_numpy()
    return _as_before(pd.Series(values, index=column.index, dtype=object), column, toward)


def _moved_numbers(column: pd.Series, toward: pd.Series, draw: np.random.Generator) -> pd.Series:
    here, there = column.isna().to_numpy(), toward.isna().to_numpy()
    missing = _fewest_moves(here.astype(np.int64), there.astype(np.int64), draw).astype(bool)
    values = column.to_numpy(dtype=np.float64, na_value=np.nan).copy()
    goal = np.sort(toward.to_numpy(dtype=np.float64, na_value=np.nan)[~there])
    rows = np.flatnonzero(~missing & ~here)
    if goal.size and rows.size:
        # Equal values take their places in random order, so that ties are split as they must be.
        order = rows[np.lexsort((draw.random(rows.size), values[rows]))]
        values[order] = goal[_places(rows.size, goal.size)]
    found = np.flatnonzero(~missing & here)
    if goal.size and found.size:
        values[found] = goal[draw.integers(goal.size, size=found.size)]
    values[missing] = np.nan
    result = pd.Series(values, index=column.index)
    return _as_before(result, column, toward)


def _places(num_rows: int, num_goal: int) -> Ints:
    """Of each rank among the rows, the same quantile's place among the goal's values."""
    return np.minimum(((np.arange(num_rows) + 0.5) / num_rows * num_goal).astype(np.int64), num_goal - 1)


def _fewest_moves(here: Ints, there: Ints, draw: np.random.Generator) -> Ints:
    """Codes ``[N]`` with the shares of ``there``, of which as many as possible are those of ``here``."""
    size = int(max(here.max(initial=0), there.max(initial=0))) + 1
    now = np.bincount(here, minlength=size)
    # Whole rows, with the shares of the goal; the remainder by chance.
    exact = np.bincount(there, minlength=size) * (here.size / there.size)
    goal = np.floor(exact).astype(np.int64)
    left = here.size - int(goal.sum())
    if left > 0:
        fraction = exact - goal
        total = fraction.sum()
        shares = fraction / total if total > 0.0 else np.full(size, 1.0 / size)
        goal = goal + draw.multinomial(left, shares)
    surplus = np.maximum(now - goal, 0)
    target = here.copy()
    order = draw.permutation(here.size)
    order = order[np.argsort(here[order], kind="stable")]
    rank = np.arange(here.size) - np.r_[0, np.cumsum(now)][here[order]]
    leaving: Bools = rank < surplus[here[order]]
    arrivals = np.repeat(np.arange(size), np.maximum(goal - now, 0))
    target[order[leaving]] = draw.permutation(arrivals)
    return target


def _numeric(column: pd.Series) -> bool:
    return bool(pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column))


def _key(value: object) -> object:
    """Something that can be counted: lists by their content, all missing values alike."""
    if isinstance(value, list | tuple | np.ndarray):
        return ("list", *map(str, value))
    return None if pd.isna(value) else value  # type: ignore[call-overload]


def _as_before(result: pd.Series, column: pd.Series, toward: pd.Series) -> pd.Series:
    """In the type of the column where both sides have it and nothing is lost."""
    if column.dtype == result.dtype or (column.dtype != toward.dtype and toward.dtype == object):
        return result
    nothing_lost = not result.isna().any() or not pd.api.types.is_integer_dtype(column)
    return result.astype(column.dtype) if column.dtype == toward.dtype and nothing_lost else result
