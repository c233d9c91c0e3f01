"""The columns of trailing history, and what they say of somebody who has none.

N rows, H rows without history.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from holdfast.core.arrays import Bools
from holdfast.core.features import FeatureOwner
from holdfast.data.history import FREQUENCY, RECENCY
from holdfast.drift.rows import DriftRows

_TRAILING = re.compile(r"(user|item)_(impressions|clicks|click_rate|dwell_mean)_(\d+)d")


def is_history(name: str) -> bool:
    """Whether a column is one that ``data.history.TrailingHistory`` makes."""
    return name in (FREQUENCY, RECENCY) or _TRAILING.fullmatch(name) is not None


def history_of(rows: DriftRows, owner: FeatureOwner) -> list[str]:
    """The columns of trailing history of users or items."""
    return [each.name for each in rows.features if each.owner == owner and is_history(each.name)]


def without_history(rows: DriftRows, owner: FeatureOwner, where: Bools) -> dict[str, Any]:
    """History columns, with those of somebody never seen before where ``where``, ``[N]`` each.

    Nothing was counted, nothing is known of dwell and recency, and a click rate is what it is of the nearest
    row in time whose count is 0: the smoothing towards everybody, as of about then; unknown if there is none.
    Sequences of the owner, which tell what was done before, are empty.
    """
    changed: dict[str, Any] = {}
    for name in history_of(rows, owner):
        values = rows.rows[name].to_numpy()
        kind = _TRAILING.fullmatch(name)
        if name == FREQUENCY or (kind is not None and kind[2] in ("impressions", "clicks")):
            changed[name] = np.where(where, np.zeros((), dtype=values.dtype), values)
        elif kind is not None and kind[2] == "click_rate":
            changed[name] = np.where(
                where, _prior(rows.rows, name, f"{owner}_impressions_{kind[3]}d"), values
            )
        else:
            changed[name] = np.where(where, np.nan, values.astype(np.float64))
    for feature in rows.features:
        if feature.owner == owner and feature.kind == "sequence":
            cells = rows.rows[feature.name].to_numpy(dtype=object, copy=True)
            cells[where] = None
            changed[feature.name] = pd.Series(cells, index=rows.rows.index, dtype=object)
    return changed


def _prior(frame: pd.DataFrame, rate: str, count: str) -> NDArray[np.float64]:
    """Click rate of the nearest row without impressions, ``[N]``; NaN where there is none."""
    empty = np.flatnonzero(frame[count].to_numpy() == 0) if count in frame else np.zeros(0, dtype=np.int64)
    if len(empty) == 0:
        return np.full(len(frame), np.nan)
    place = np.arange(len(frame))
    after = np.minimum(np.searchsorted(empty, place), len(empty) - 1)
    before = np.maximum(after - 1, 0)
    nearer = np.abs(empty[before] - place) < np.abs(empty[after] - place)
    rates = frame[rate].to_numpy(dtype=np.float64)
    return np.asarray(rates[np.where(nearer, empty[before], empty[after])])
