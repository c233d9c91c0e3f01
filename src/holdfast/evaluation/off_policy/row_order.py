"""Pandas objects beside a log carry labels; their rows and columns are held against those of the log.

N rows, A actions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from holdfast.core.errors import UserError


def check_row_order(given: Any, index: pd.Index | None, *, what: str) -> None:
    """Refuses a series or data frame that has the rows of the log in another order.

    Rows are taken by position, so that arrays and frames with an index of their own will do; but the same
    labels in another order say that position is wrong.

    Args:
        given: anything; only pandas objects are looked at.
        index: of the log; None for none.
        what: it is, in messages.

    Raises:
        UserError: the same labels, in another order.
    """
    if index is None or not isinstance(given, pd.DataFrame | pd.Series):
        return
    mine = given.index
    if len(mine) != len(index) or mine.equals(index) or not (mine.is_unique and index.is_unique):
        return
    if bool((mine.get_indexer(index) >= 0).all()):
        raise UserError(
            f"the index of {what} is that of the log in another order; bring it into the order of the "
            "log with .loc[log.index], or give it that index with .set_axis(log.index) if only labels are off"
        )


def columns_in_order(given: pd.DataFrame, actions: Sequence[object], *, what: str) -> pd.DataFrame:
    """The columns of a data frame in the order of the actions.

    Args:
        given: a column per action, ``[N, A]``.
        actions: their labels.
        what: it is, in messages.

    Raises:
        UserError: not exactly one column for each action.
    """
    missing = [action for action in actions if action not in given.columns]
    if missing or len(actions) != given.shape[1]:
        raise UserError(
            f"the columns of {what} are {list(given.columns)[:10]} and not one for each of the "
            f"{len(actions)} actions; missing: {missing[:10]}"
        )
    return given[list(actions)]
