"""Rows that a split keeps from training: markets, devices, or whatever a column says, to be judged apart.

N rows of a log.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from holdfast.core.arrays import Bools
from holdfast.core.errors import UserError
from holdfast.data.canonical import OUTCOME_COLUMNS
from holdfast.data.log import Log

MOST_NAMED = 12
"""Values that an error lists."""


def check_held_out(held_out: Mapping[str, Sequence[Any]]) -> None:
    """Refuse what could be meant for no log.

    Raises:
        ValueError: a column without values, or a value twice.
    """
    for name, values in held_out.items():
        if isinstance(values, str) or not isinstance(values, Sequence) or not values:
            raise ValueError(
                f"split.held_out.{name} is {values!r}; give a list of values, as in "
                f"'split.held_out={{{name}: [north]}}'"
            )
        if len({str(each) for each in values}) < len(values):
            raise ValueError(f"split.held_out.{name} is {list(values)}; name each value once")


def held_out_rows(log: Log, held_out: Mapping[str, Sequence[Any]]) -> Bools:
    """Rows with a value that is held out, in any of the columns; whole requests, bool ``[N]``.

    Raises:
        UserError: a column is not there, is an outcome, or changes within a request; or a value is nowhere.
    """
    found = np.zeros(len(log), dtype=np.bool_)
    for name, values in held_out.items():
        for mask in values_of(log, name, values).values():
            found |= mask
    return found


def values_of(log: Log, name: str, values: Sequence[Any]) -> dict[str, Bools]:
    """The rows of each value, ``[N]`` each, by ``column=value``.

    Raises:
        UserError: as ``held_out_rows``.
    """
    column = _column(log, name)
    # As text too: a command line says 3 and True for what a log may hold as '3' and 'True'.
    text = column.astype("string")
    found = {}
    for value in values:
        mask = (text == str(value)).fillna(False).to_numpy(dtype=np.bool_)
        if not isinstance(value, str) and pd.api.types.is_numeric_dtype(column.dtype):
            mask |= (column == value).fillna(False).to_numpy(dtype=np.bool_)
        if not mask.any():
            known = sorted(map(str, text.dropna().unique()))
            more = f" and {len(known) - MOST_NAMED} more" if len(known) > MOST_NAMED else ""
            raise UserError(
                f"split.held_out.{name} names {value!r}, which no row of the log has; its values are "
                f"{', '.join(known[:MOST_NAMED])}{more}"
            )
        found[f"{name}={value}"] = mask
    return found


def _column(log: Log, name: str) -> pd.Series:
    usable = [each.name for each in log.card.features if each.kind == "categorical" and each.owner != "item"]
    if name in OUTCOME_COLUMNS or name not in log.frame:
        raise UserError(
            f"split.held_out names {name!r}, which is no column of the log that may divide it; "
            f"columns of users and contexts are {', '.join(usable) or 'not there'}"
        )
    column = log.frame[name]
    if column.dtype == object and len(column) and not pd.api.types.is_scalar(column.iloc[0]):
        raise UserError(f"split.held_out names {name!r}, which holds lists; name a column of single values")
    if not _whole_requests(log.frame["request_id"], column):
        raise UserError(
            f"split.held_out names {name!r}, which differs within a request, and half a slate cannot be "
            f"judged; columns of users and contexts are {', '.join(usable) or 'not there'}"
        )
    return column


def _whole_requests(request: pd.Series, column: pd.Series) -> bool:
    """Whether all rows of each request have the same value."""
    codes, values = (pd.factorize(each, use_na_sentinel=False)[0] for each in (request, column))
    pairs = np.unique(codes.astype(np.int64) * (values.max(initial=0) + 1) + values)
    return bool(pairs.size == np.unique(codes).size)
