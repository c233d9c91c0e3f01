"""Drifted rows through the frozen encoder: only the columns that may have changed are encoded again.

N rows of the clean window, M rows of the drifted one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from holdfast.core.arrays import Ints
from holdfast.data.encoded import EncodedWindow
from holdfast.data.encoder import CONTENT_COLUMN, Encoder, content_seconds_of
from holdfast.drift.injector import Drifted

Array = NDArray[Any]


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
    features = tuple(each for each in encoder.features if each.name in changed)
    if features:
        part = replace(encoder, features=features)
        encoded = part.transform(rows[[each.name for each in features]])
        categorical = _put(categorical, encoded.categorical, schema.categorical, part.schema.categorical)
        numeric = _put(numeric, encoded.numeric, schema.numeric, part.schema.numeric)
        places = {each.name: place for place, each in enumerate(schema.lists)}
        for each, values in zip(part.schema.lists, encoded.lists, strict=True):
            lists[places[each.name]] = values
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


def _put(array: Array, values: Array, names: Sequence[str], changed: Sequence[str]) -> Array:
    """A copy with some columns replaced."""
    if not changed:
        return array
    copied = np.array(array)
    copied[:, [names.index(name) for name in changed]] = values
    return copied
