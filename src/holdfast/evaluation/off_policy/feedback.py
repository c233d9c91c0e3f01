"""Logged feedback: a data frame in, checked arrays out.

N rows, A actions, S slots.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from holdfast.core.arrays import Floats, Ints
from holdfast.core.errors import UserError

SMALLEST_PROPENSITY = 1e-12
"""Below this a chance is no longer a fact about a sampler that draws 64-bit numbers."""
LARGEST_REWARD = 1e50
"""Above it the fourth powers that diagnostics need would overflow."""


@dataclass(frozen=True, kw_only=True)
class FeedbackColumns:
    """Where in a data frame the parts of a log are.

    Attributes:
        action: what was chosen: a label of ``actions``, or its number from 0.
        propensity: chance with which the behavior policy chose it, in (0, 1].
        rewards: the objectives, one column each; numbers or booleans, all known.
        user: rows of one user are dependent; None, or a column that is not there: every row stands alone.
        slot: position within the request, or None; a column that is not there counts as None.
        context: what a reward model may look at besides action and slot; numbers or texts.
    """

    action: str = "action"
    propensity: str = "propensity"
    rewards: tuple[str, ...] = ("reward",)
    user: str | None = "user_id"
    slot: str | None = "slot"
    context: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.rewards or len(set(self.rewards)) != len(self.rewards):
            raise UserError(f"rewards is {list(self.rewards)}; name at least one column, each once")


@dataclass(frozen=True)
class Feedback:
    """A checked log.

    Attributes:
        actions: codes, ``[N]``; -1 for a label that the evaluation policy does not know.
        propensity: in (0, 1], ``[N]``.
        rewards: by objective, finite, ``[N]``.
        keys: of the user, or of the row where there is no user, ``[N]``.
        clustered: whether the keys are users'.
        slots: as logged, ``[N]``; None where the log has none.
        first_row: number of the first row in the whole log.
    """

    actions: Ints
    propensity: Floats
    rewards: dict[str, Floats]
    keys: NDArray[np.uint64]
    clustered: bool
    slots: NDArray[np.generic] | None
    first_row: int = 0

    @property
    def num_rows(self) -> int:
        """N."""
        return int(self.actions.size)


def read_feedback(
    frame: pd.DataFrame,
    columns: FeedbackColumns,
    *,
    actions: Sequence[object] | None = None,
    first_row: int = 0,
) -> Feedback:
    """Checks a data frame and takes out what estimators need.

    Args:
        frame: N rows, at least 1.
        columns: where is what.
        actions: labels of the A actions, in the order of the evaluation policy's columns; None where the
            actions are numbered from 0.
        first_row: number of the first row in the whole log, where the frame is a part of one.

    Raises:
        UserError: a column is missing or a value impossible; the message lists what is wrong and what to do.
    """
    wanted = [columns.action, columns.propensity, *columns.rewards, *columns.context]
    missing = [name for name in wanted if name not in frame.columns]
    if missing:
        raise UserError(
            f"the feedback has no column {missing}; it has {list(frame.columns)}. Name yours with "
            "action=, propensity=, rewards= or context="
        )
    twice = [name for name in wanted if (frame.columns == name).sum() > 1]
    if twice:
        raise UserError(f"the feedback has several columns named {twice}; give each a name of its own")
    if frame.empty:
        raise UserError("the feedback has no rows; nothing can be estimated from it")
    keys, clustered = _keys(frame, columns.user, first_row=first_row)
    slots = None
    if columns.slot is not None and columns.slot in frame.columns:
        if frame[columns.slot].isna().any():
            raise UserError(f"column {columns.slot!r} has missing values; fill them in, or pass slot=None")
        slots = frame[columns.slot].to_numpy()
    return Feedback(
        actions=_action_codes(frame[columns.action], actions),
        propensity=_checked_propensity(frame[columns.propensity], first_row=first_row),
        rewards={name: _checked_reward(frame[name], first_row=first_row) for name in columns.rewards},
        keys=keys,
        clustered=clustered,
        slots=slots,
        first_row=first_row,
    )


def _keys(frame: pd.DataFrame, user: str | None, *, first_row: int) -> tuple[NDArray[np.uint64], bool]:
    if user is None or user not in frame.columns:
        return np.arange(first_row, first_row + len(frame), dtype=np.uint64), False
    if frame[user].isna().any():
        raise UserError(
            f"column {user!r} has missing values in {int(frame[user].isna().sum())} rows; "
            "fill them in, or pass user=None to take rows as independent"
        )
    return pd.util.hash_array(frame[user].to_numpy()), True


def _action_codes(logged: pd.Series, actions: Sequence[object] | None) -> Ints:
    if logged.isna().any():
        raise UserError(f"column {logged.name!r} has missing values; every row needs its logged action")
    if actions is not None:
        labels = pd.Index(list(actions), dtype=object)
        if not labels.is_unique:
            raise UserError("actions names a label twice; give each action once, in the policy's order")
        return labels.get_indexer(pd.Index(logged)).astype(np.int64)
    values = logged.to_numpy()
    if not np.issubdtype(values.dtype, np.integer):
        raise UserError(
            f"column {logged.name!r} holds labels such as {values.tolist()[0]!r}; pass actions=[...], the "
            "labels in the order of the policy's columns, or a data frame with a column per action"
        )
    return values.astype(np.int64)


def numbers(column: pd.Series) -> Floats:
    """A column as numbers, NaN where one is missing.

    Raises:
        UserError: it holds something else.
    """
    # Dates and texts would convert, into numbers that nobody meant.
    if not (pd.api.types.is_numeric_dtype(column) or column.dtype == object):
        raise UserError(f"column {column.name!r} is not numeric: it holds {column.dtype}")
    try:
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise UserError(f"column {column.name!r} is not numeric: {error}") from error


def _checked_propensity(column: pd.Series, *, first_row: int) -> Floats:
    values = numbers(column)
    bad = ~((values >= SMALLEST_PROPENSITY) & (values <= 1.0))
    if bad.any():
        first = int(np.flatnonzero(bad)[0])
        raise UserError(
            f"column {column.name!r}: {int(bad.sum())} of {values.size} propensities are missing or outside "
            f"({SMALLEST_PROPENSITY:g}, 1], first in row {first_row + first} is {float(values[first])!r}. "
            "A logged choice had some chance: set such rows aside and say so, or estimate the propensities "
            "explicitly with holdfast.evaluation.off_policy.estimate_propensities"
        )
    return values


def _checked_reward(column: pd.Series, *, first_row: int) -> Floats:
    values = numbers(column)
    check_rewards(values, column.name, first_row=first_row)
    return values


def check_rewards(values: Floats, name: object, *, first_row: int = 0, rows: str = "rows") -> None:
    """Refuse rewards that are missing or too large to be reckoned with.

    Raises:
        UserError: names the column and the first row.
    """
    bad = ~np.isfinite(values)
    if bad.any():
        first = int(np.flatnonzero(bad)[0])
        raise UserError(
            f"column {name!r}: {int(bad.sum())} of {values.size} rewards are missing or infinite, the first "
            f"in row {first_row + first}. Leave out {rows} whose outcome is not known yet; do not fill in 0"
        )
    if values.size and float(np.abs(values).max()) > LARGEST_REWARD:
        first = int(np.argmax(np.abs(values)))
        raise UserError(
            f"column {name!r}: the reward in row {first_row + first} is {float(values[first])!r}, and above "
            f"{LARGEST_REWARD:g} squares overflow; set such rows aside, or give the column in a larger unit"
        )
