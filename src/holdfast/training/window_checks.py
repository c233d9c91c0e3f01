"""Whether a window is one that a ranker can learn from."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from holdfast.core.errors import UserError
from holdfast.core.features import InputSchema
from holdfast.data.encoded import EncodedWindow
from holdfast.models.ranker import Ranker


def check_window(schema: InputSchema, window: EncodedWindow) -> None:
    """Raise a ``ValueError`` where a window was not encoded for a schema.

    All vocabularies share one table, so an id beyond its own would quietly read another's row.
    """
    asked = (len(schema.categorical), len(schema.numeric), tuple(each.max_length for each in schema.lists))
    given = (
        window.categorical.shape[1],
        window.numeric.shape[1],
        tuple(each.shape[1] for each in window.lists),
    )
    if asked != given:
        raise ValueError(
            f"window {window.name!r} has (categorical, numeric, list lengths) {given}, "
            f"and the model wants {asked}"
        )
    columns = dict(zip(schema.categorical, window.categorical.T, strict=True))
    columns.update({each.name: ids for each, ids in zip(schema.lists, window.lists, strict=True)})
    for name, ids in columns.items():
        rows = schema.num_rows[schema.vocabulary_of[name]]
        if ids.size and not 0 <= int(ids.min()) <= int(ids.max()) < rows:
            raise ValueError(
                f"window {window.name!r}: ids of {name!r} run from {ids.min()} to {ids.max()}, but its "
                f"vocabulary has rows 0 to {rows - 1}; encode the window with the model's own encoder"
            )


def with_objectives_of(ranker: Ranker, window: EncodedWindow) -> EncodedWindow:
    """The window with the ranker's objectives, in its order.

    Raises:
        UserError: it holds no row, or lacks an objective.
        ValueError: it was not encoded for the ranker.
    """
    if len(window) == 0:
        raise UserError(f"the {window.name} window holds no row; change split.* or bring a longer log")
    check_window(ranker.schema, window)
    missing = [name for name in ranker.objectives if name not in window.objectives]
    if missing:
        raise UserError(
            f"the model has heads for {missing}, but the log's outcomes are {list(window.objectives)}; "
            "remove those heads, or name the outcomes on the dataset card"
        )
    if tuple(window.objectives) == ranker.objectives:
        return window
    columns = [window.index_of(name) for name in ranker.objectives]
    narrowed: dict[str, Any] = {
        name: np.ascontiguousarray(getattr(window, name)[:, columns])
        for name in ("value", "event", "known", "spread")
    }
    return replace(window, objectives=tuple(window.objectives[index] for index in columns), **narrowed)
