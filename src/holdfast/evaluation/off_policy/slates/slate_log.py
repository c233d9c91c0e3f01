"""A log of slates: a data frame with a row per slot in, checked arrays out.

N rows, Q requests, K slots.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from holdfast.core.arrays import Bools, Floats, Ints
from holdfast.core.errors import UserError
from holdfast.evaluation.off_policy.feedback import check_rewards, numbers


@dataclass(frozen=True, kw_only=True)
class SlateColumns:
    """Where in a data frame the parts of a log of slates are.

    Attributes:
        request: rows of one slate share it.
        slot: position within the slate, from 0, without gaps.
        item: what was shown; a column that is not there is not looked at.
        rewards: the objectives, one column each: what each slot brought in.
        user: slates of one user are dependent; None, or a column that is not there: every slate stands alone.
    """

    request: str = "request_id"
    slot: str = "slot"
    item: str = "item_id"
    rewards: tuple[str, ...] = ("click",)
    user: str | None = "user_id"

    def __post_init__(self) -> None:
        if not self.rewards or len(set(self.rewards)) != len(self.rewards):
            raise UserError(f"rewards is {list(self.rewards)}; name at least one column, each once")


@dataclass(frozen=True)
class SlateLog:
    """A checked log of slates.

    Attributes:
        row: position in the data frame of each slot of each slate, ``[K, Q]``; 0 where there is none.
        present: whether a slate has the slot, ``[K, Q]``; every slate has slot 0.
        rewards: by objective, 0 where a slate does not have the slot, ``[K, Q]``.
        keys: of the user, or of the slate where there is no user, ``[Q]``.
        clustered: whether the keys are users'.
        items: codes of the items, -1 where a slate does not have the slot, ``[K, Q]``; None where unknown.
        item_labels: of the codes.
    """

    row: Ints
    present: Bools
    rewards: dict[str, Floats]
    keys: NDArray[np.uint64]
    clustered: bool
    items: Ints | None
    item_labels: tuple[object, ...] = ()

    @property
    def num_slots(self) -> int:
        """K."""
        return int(self.row.shape[0])

    @property
    def num_slates(self) -> int:
        """Q."""
        return int(self.row.shape[1])

    @property
    def num_rows(self) -> int:
        """N."""
        return int(self.present.sum())

    @property
    def last_slot(self) -> Ints:
        """Last slot of each slate, ``[Q]``."""
        return np.asarray(self.present.sum(axis=0) - 1)

    def by_slot(self, values: Floats, *, fill: float) -> Floats:
        """Values of the rows ``[N]`` as ``[K, Q]``, with ``fill`` where a slate does not have the slot."""
        return np.where(self.present, values[self.row], fill)


def read_slates(frame: pd.DataFrame, columns: SlateColumns, *, num_slots: int = 1) -> SlateLog:
    """Checks a data frame and puts its rows, in whatever order they come, into slates and slots.

    Slates may differ in length: a slate that ends earlier gets nothing from the slots that it does not have.

    Args:
        frame: N rows, at least 1.
        columns: where is what.
        num_slots: K at least; more where a slate is longer.

    Raises:
        UserError: a column is missing, a value is missing or impossible, a slot is there twice or left out,
            or one slate belongs to two users.
    """
    missing = [
        name for name in (columns.request, columns.slot, *columns.rewards) if name not in frame.columns
    ]
    if missing:
        raise UserError(
            f"the log has no column {missing}; it has {list(frame.columns)}. Name yours with request=, slot= "
            "or rewards="
        )
    twice = [
        name
        for name in (columns.request, columns.slot, columns.item, columns.user, *columns.rewards)
        if (frame.columns == name).sum() > 1
    ]
    if twice:
        raise UserError(f"the log has several columns named {twice}; give each a name of its own")
    if frame.empty:
        raise UserError("the log has no rows; nothing can be estimated from it")
    row, present = _slots_of_slates(frame, columns, num_slots=num_slots)
    first = row[0]
    items, labels = _items(frame, columns.item)
    log = SlateLog(
        row=row,
        present=present,
        rewards={},
        keys=np.arange(first.size, dtype=np.uint64),
        clustered=False,
        items=None if items is None else np.where(present, items[row], -1),
        item_labels=labels,
    )
    for name in columns.rewards:
        log.rewards[name] = log.by_slot(_finite_numbers(frame[name]), fill=0.0)
    if columns.user is None or columns.user not in frame.columns:
        return log
    keys = _user_keys(frame[columns.user])
    if (present & (keys[row] != keys[first][None, :])).any():
        raise UserError(
            f"rows of one {columns.request!r} have different {columns.user!r}; a slate is shown to one "
            "user, so "
            f"{columns.request!r} is not a slate"
        )
    return SlateLog(row, present, log.rewards, keys[first], True, log.items, labels)


def _slots_of_slates(frame: pd.DataFrame, columns: SlateColumns, *, num_slots: int) -> tuple[Ints, Bools]:
    """Row and presence of each slot of each slate, ``[K, Q]`` each; slates in order of appearance."""
    codes, _ = pd.factorize(frame[columns.request])
    if (codes < 0).any():
        raise UserError(f"column {columns.request!r} has missing values; every row belongs to a slate")
    slots = _slot_numbers(frame[columns.slot])
    sizes = np.bincount(codes)
    outside = slots >= sizes[codes]
    if outside.any():
        first = int(np.flatnonzero(outside)[0])
        raise UserError(
            f"column {columns.slot!r}: {int(outside.sum())} rows have a slot beyond the number of rows of "
            "their "
            f"slate, the first is row {first} with slot {slots[first]}. Slots of a slate are 0, 1, 2, ... "
            "without "
            "gaps; give whole slates, and number slots from 0"
        )
    row = np.zeros((max(int(sizes.max()), num_slots), sizes.size), dtype=np.int64)
    present = np.zeros(row.shape, dtype=bool)
    row[slots, codes] = np.arange(len(frame))
    present[slots, codes] = True
    # With every slot below the size of its slate, a gap is possible only where a slot is there twice.
    doubled = len(frame) - int(present.sum())
    if doubled:
        raise UserError(
            f"{doubled} rows repeat a {columns.slot!r} of the same {columns.request!r}; each slot of a "
            "slate is one row"
        )
    return row, present


def _slot_numbers(column: pd.Series) -> Ints:
    values = numbers(column)
    whole = (values >= 0.0) & (values == np.floor(values)) & (values < 2.0**53)
    if not whole.all():
        first = int(np.flatnonzero(~whole)[0])
        raise UserError(
            f"column {column.name!r}: slot {values[first]!r} in row {first} is not a whole number from 0 on"
        )
    return values.astype(np.int64)


def _items(frame: pd.DataFrame, item: str) -> tuple[Ints | None, tuple[object, ...]]:
    if item not in frame.columns:
        return None, ()
    codes, labels = pd.factorize(frame[item])
    if (codes < 0).any():
        raise UserError(f"column {item!r} has missing values; every slot shows an item")
    return codes.astype(np.int64), tuple(labels.tolist())


def _user_keys(column: pd.Series) -> NDArray[np.uint64]:
    if column.isna().any():
        raise UserError(
            f"column {column.name!r} has missing values in {int(column.isna().sum())} rows; fill them in, or "
            "pass user=None to take slates as independent"
        )
    return pd.util.hash_array(column.to_numpy())


def _finite_numbers(column: pd.Series) -> Floats:
    values = numbers(column)
    check_rewards(values, column.name, rows="slates")
    return values
