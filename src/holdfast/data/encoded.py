"""A window as columns in memory, or mapped from disk: what batches are gathered from.

N rows of a window, F categorical inputs, D numeric inputs, L values of a list input, T objectives.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from holdfast.core.errors import UserError
from holdfast.core.files import read_json, whole_folder, write_json
from holdfast.data.card import Objective

Array = NDArray[Any]
META_FILE = "window.json"
META_FIELDS = ("name", "objectives", "policies", "propensity_of")


@dataclass(frozen=True)
class EncodedWindow:
    """Inputs, outcomes and identities of every row of a window.

    Attributes:
        name: train, validation or test.
        objectives: names along the last axis of the outcome arrays.
        categorical: int32 ``[N, F]``.
        numeric: float32 ``[N, D]``.
        lists: int32 ``[N, L]`` each.
        content_seconds: float32 ``[N]``; ``inf`` where nothing caps dwell.
        value: float32 ``[N, T]``; see ``core.batch.Outcome``.
        event: bool ``[N, T]``.
        known: bool ``[N, T]``.
        spread: float32 ``[N, T]``; see ``data.outcomes.OutcomeColumns``.
        propensity: float64 ``[N]``; NaN where not logged.
        request: code of the row's request, int64 ``[N]``.
        user: code of the row's user, int64 ``[N]``.
        user_day: code of the user's day, int64 ``[N]``.
        day: local day since 1970-01-01, int64 ``[N]``.
        slot: position in the request, int64 ``[N]``; -1 where not logged.
        follow_up_days: whole days after the row's own whose visits are known, int64 ``[N]``.
        recency_days: days since the user's last earlier active day, float32 ``[N]``; NaN for a first visit.
        active_days_7: the user's active days in the seven days before, float32 ``[N]``.
        policy: place in ``policies`` of the policy that logged the row, int64 ``[N]``; -1 if unknown.
        item: code of the row's item, the same in every window, int64 ``[N]``.
        policies: names of the behavior policies, in alphabetical order.
        propensity_of: what ``propensity`` is the chance of; None where none is logged.
    """

    name: str
    objectives: tuple[Objective, ...]
    categorical: Array
    numeric: Array
    lists: tuple[Array, ...]
    content_seconds: Array
    value: Array
    event: Array
    known: Array
    spread: Array
    propensity: Array
    request: Array
    user: Array
    user_day: Array
    day: Array
    slot: Array
    follow_up_days: Array
    recency_days: Array
    active_days_7: Array
    policy: Array
    item: Array
    policies: tuple[str, ...] = ()
    propensity_of: Literal["item_in_slot", "slate"] | None = None

    def __len__(self) -> int:
        return int(self.content_seconds.shape[0])

    def index_of(self, objective: str) -> int:
        """Place of an objective along the last axis of the outcome arrays."""
        return self.objectives.index(objective)

    def save(self, folder: Path) -> None:
        """Write one ``.npy`` a column, so that ``load`` can map them instead of reading them."""
        with whole_folder(folder) as temporary:
            for field in fields(self):
                value = getattr(self, field.name)
                if field.name == "lists":
                    for index, each in enumerate(value):
                        np.save(temporary / f"lists_{index}.npy", each)
                elif field.name not in META_FIELDS:
                    np.save(temporary / f"{field.name}.npy", value)
            meta = {name: getattr(self, name) for name in META_FIELDS} | {"num_lists": len(self.lists)}
            write_json(temporary / META_FILE, meta)


def load_window(folder: Path, *, memory_map: bool = False) -> EncodedWindow:
    """Read a window that ``EncodedWindow.save`` wrote.

    Raises:
        UserError: a column is missing, cut off, or of another length than the others.
    """
    try:
        window = _read_window(folder, memory_map=memory_map)
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise UserError(f"{folder} is damaged ({error}); prepare the windows again") from error
    lengths = {
        field.name: len(getattr(window, field.name))
        for field in fields(window)
        if field.name not in (*META_FIELDS, "lists")
    }
    if len(set(lengths.values())) != 1:
        raise UserError(f"{folder} is damaged: its columns have {lengths} rows; prepare the windows again")
    return window


def _read_window(folder: Path, *, memory_map: bool) -> EncodedWindow:
    meta = read_json(folder / META_FILE)
    mode: Literal["r"] | None = "r" if memory_map else None
    columns: dict[str, Any] = {
        field.name: np.load(folder / f"{field.name}.npy", mmap_mode=mode)
        for field in fields(EncodedWindow)
        if field.name not in (*META_FIELDS, "lists")
    }
    lists = tuple(
        np.load(folder / f"lists_{index}.npy", mmap_mode=mode) for index in range(meta["num_lists"])
    )
    return EncodedWindow(
        name=meta["name"],
        objectives=tuple(meta["objectives"]),
        policies=tuple(meta["policies"]),
        propensity_of=meta["propensity_of"],
        lists=lists,
        **columns,
    )
