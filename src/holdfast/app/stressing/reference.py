"""The fixed simple ranker that every other one is held against: item popularity, content length, habit.

N rows of a window.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from holdfast.core.arrays import Floats, Ints
from holdfast.core.protocols import Fusion
from holdfast.data.encoded import EncodedWindow
from holdfast.data.history import FREQUENCY, RECENCY
from holdfast.evaluation.recency_frequency import NUM_FREQUENCY, RecencyFrequencyBaseline
from holdfast.evaluation.robustness.judged_rows import OUTPUTS

REFERENCE_VERSION = 1
"""Of what it predicts by; another one makes lifts over it incomparable."""
PSEUDO_COUNT = 20.0
"""Rows that the mean of all items counts in that of one."""


@dataclass(frozen=True)
class ItemMeans:
    r"""Mean outcome of each item, drawn toward that of all: :math:`(s_i + m \bar{y}) / (n_i + m)`.

    Attributes:
        items: codes in rising order, ``[I]``.
        means: of them, ``[I]``.
        overall: what an item that training did not see gets.
    """

    items: Ints
    means: Floats
    overall: float

    def of(self, item: Ints) -> Floats:
        """The mean of each row's item, ``[N]``."""
        if self.items.size == 0:
            return np.full(item.size, self.overall)
        place = np.minimum(np.searchsorted(self.items, item), self.items.size - 1)
        return np.where(self.items[place] == item, self.means[place], self.overall)


def fit_item_means(item: Ints, value: Floats) -> ItemMeans:
    """Means of rows by item.

    Args:
        item: code of each row's item, ``[N]``, at least one.
        value: finite, ``[N]``.
    """
    names, code = np.unique(item, return_inverse=True)
    overall = float(np.mean(value, dtype=np.float64))
    sums = np.bincount(code, value, minlength=names.size)
    counts = np.bincount(code, minlength=names.size)
    return ItemMeans(names, (sums + PSEUDO_COUNT * overall) / (counts + PSEUDO_COUNT), overall)


@dataclass(frozen=True)
class ReferenceInputs:
    """All that the reference looks at, as the rows say it, drifted or not.

    Attributes:
        item: code, the same in every window, ``[N]``.
        content_seconds: ``inf`` where not known, ``[N]``.
        recency_days: days since the user's last earlier active day; NaN for none, ``[N]``.
        active_days: of the seven before, ``[N]``.
    """

    item: Ints
    content_seconds: Floats
    recency_days: Floats
    active_days: Floats


def habit_of(rows: pd.DataFrame) -> tuple[Floats, Floats]:
    """Recency and frequency as the baseline takes them, ``[N]`` each; faulty values become possible ones."""
    recency, active = (
        pd.to_numeric(rows[name], errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
        if name in rows
        else np.full(len(rows), np.nan)
        for name in (RECENCY, FREQUENCY)
    )
    recency = np.where(np.isfinite(recency), np.maximum(recency, 1.0), np.nan)
    active = np.clip(np.rint(np.nan_to_num(active, nan=0.0)), 0, NUM_FREQUENCY - 1)
    return recency, active


@dataclass(frozen=True)
class ReferenceRanker:
    """Clicks by the item's click rate, seconds by the content's length, returns by recency and frequency.

    Attributes:
        click: None where the log has no clicks.
        dwell: the item's mean seconds, for content of unknown length; None where the log has no dwell.
        dwell_share: seconds a second of content; None where too little content has a length.
        habit: None where the log has no returns.
        horizon: days d of 'back within d days'.
    """

    click: ItemMeans | None
    dwell: ItemMeans | None
    dwell_share: float | None
    habit: RecencyFrequencyBaseline | None
    horizon: int

    def predict(self, inputs: ReferenceInputs, *, fusion: Fusion) -> dict[str, Floats]:
        """Its predictions by output, ``[N]`` each, and the ranking score that the fusion makes of them."""
        found: dict[str, Floats] = {}
        if self.click is not None:
            found["click"] = self.click.of(inputs.item)
        if self.dwell is not None:
            found["dwell"] = self.dwell.of(inputs.item)
            if self.dwell_share is not None:
                known = np.isfinite(inputs.content_seconds)
                by_length = self.dwell_share * np.where(known, inputs.content_seconds, 0.0)
                found["dwell"] = np.where(known, by_length, self.dwell.overall)
        if self.habit is not None:
            found["retention"] = self.habit.return_probability(
                inputs.recency_days, inputs.active_days, self.horizon
            )
        scores = {name: torch.from_numpy(np.asarray(found[name], dtype=np.float64)) for name in found}
        found["ranking"] = np.asarray(fusion.fuse(scores).numpy())
        assert set(found) <= set(OUTPUTS)
        return found


def fit_reference(
    train: EncodedWindow, *, habit: RecencyFrequencyBaseline | None, horizon: int
) -> ReferenceRanker:
    """Fit on the train window, with nothing to tune."""
    click = dwell = share = None
    if "click" in train.objectives:
        known = train.known[:, train.index_of("click")]
        if known.any():
            click = fit_item_means(train.item[known], train.value[known, train.index_of("click")])
    if "dwell" in train.objectives:
        index = train.index_of("dwell")
        # Over all rows, a row that was not opened is a stay of 0 seconds.
        stays = train.known[:, index] & (train.value[:, index] > 0.0)
        seconds, content = train.value[stays, index], train.content_seconds[stays]
        dwell = fit_item_means(train.item[stays], seconds) if stays.any() else None
        finite = np.isfinite(content)
        if dwell is not None and finite.mean() > 0.5:
            share = float(seconds[finite].sum(dtype=np.float64) / content[finite].sum(dtype=np.float64))
    return ReferenceRanker(click, dwell, share, habit, horizon)
