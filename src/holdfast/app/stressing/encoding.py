"""Drifted rows through the frozen encoder: only the columns that may have changed are encoded again.

N rows of the clean window, M rows of the drifted one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from holdfast.core.arrays import Ints
from holdfast.data.encoded import EncodedWindow
from holdfast.data.encoder import CONTENT_COLUMN, Encoder, content_seconds_of
from holdfast.drift.injector import Drifted

Array = NDArray[Any]
FEW_ROWS = 0.6
"""With a larger share of changed rows than this, picking them costs more than encoding them all."""


def touches_inputs(drifted: Drifted) -> bool:
    """Whether a drift may have changed anything that a model reads."""
    columns = drifted.changed_columns
    return columns is None or bool(drifted.inputs_changed) or CONTENT_COLUMN in columns


def encode_drifted(
    drifted: Drifted, clean: EncodedWindow, encoder: Encoder, *, source: Ints | None
) -> EncodedWindow:
    """The inputs of drifted rows, bit-identical to the clean ones wherever nothing changed; no outcomes.

    Args:
        drifted: rows, ``[M]``.
        clean: the window that they came from, encoded, ``[N]``.
        encoder: as fitted on clean training rows.
        source: row of the clean window that each came from, ``[M]``; None where they are the same rows.
    """
    rows, columns, schema = drifted.rows.rows, drifted.changed_columns, encoder.schema
    categorical, numeric = taken(clean.categorical, source), taken(clean.numeric, source)
    lists = [taken(each, source) for each in clean.lists]
    changed = set(drifted.inputs_changed)
    # A list of events and that of its time gaps are only read together.
    for feature in encoder.features:
        if feature.gap_of and changed & {feature.name, feature.gap_of}:
            changed |= {feature.name, feature.gap_of}
    features = tuple(each for each in encoder.features if each.name in changed)
    if features:
        part = replace(encoder, features=features)
        index = _rows_to_encode(drifted)
        read = rows[[each.name for each in features]]
        encoded = part.transform(read if index is None else read.take(index))
        categorical = _put(
            categorical, encoded.categorical, schema.categorical, part.schema.categorical, rows=index
        )
        numeric = _put(numeric, encoded.numeric, schema.numeric, part.schema.numeric, rows=index)
        places = {each.name: place for place, each in enumerate(schema.lists)}
        for each, values in zip(part.schema.lists, encoded.lists, strict=True):
            place = places[each.name]
            lists[place] = values if index is None else _with_rows(lists[place], index, values)
    content = taken(clean.content_seconds, source)
    if columns is None or CONTENT_COLUMN in columns:
        content = content_seconds_of(rows)
    nothing = np.zeros((len(rows), 0), dtype=np.float32)
    return replace(
        clean,
        categorical=categorical,
        numeric=numeric,
        lists=tuple(lists),
        content_seconds=content,
        value=nothing,
        event=nothing,
        known=nothing,
        spread=nothing,
    )


def taken(array: Array, source: Ints | None) -> Array:
    """Rows of an array; the array itself where ``source`` is None."""
    return array if source is None else array[source]


def _rows_to_encode(drifted: Drifted) -> Ints | None:
    """Rows that may have changed, where they are few; None for all of them."""
    changed = drifted.changed_rows
    if changed is None or changed.mean() > FEW_ROWS:
        return None
    return np.flatnonzero(changed)


def _put(
    array: Array, values: Array, names: Sequence[str], changed: Sequence[str], *, rows: Ints | None
) -> Array:
    """A copy with some columns replaced, in some rows."""
    if not changed:
        return array
    columns = np.array([names.index(name) for name in changed])
    copied = np.array(array)
    if rows is None:
        copied[:, columns] = values
    else:
        copied[rows[:, None], columns] = values
    return copied


def _with_rows(array: Array, rows: Ints, values: Array) -> Array:
    copied = np.array(array)
    copied[rows] = values
    return copied
