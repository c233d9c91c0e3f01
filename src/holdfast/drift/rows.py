"""Raw rows that drift may be put into, and where each of them came from.

N rows.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from holdfast.core.arrays import Ints
from holdfast.core.features import Feature
from holdfast.data.card import DatasetCard
from holdfast.data.log import Log

LABEL_COLUMNS = ("click", "dwell_seconds", "dwell_cut", "next_visit_at")
"""What the labels of a row are made of, together with ``observed_until``."""


_Value = TypeVar("_Value")


@dataclass(frozen=True, eq=False)
class DriftRows:
    """Rows of a window as the encoder reads them, before or after a drift; nobody may change them.

    Attributes:
        rows: raw rows: contract columns, features of the card, history; index 0 to N - 1.
        features: what the encoder reads, with kind and owner; the history among them.
        source: row of the clean rows that each row came from, int64 ``[N]``. Whatever was computed for the
            clean rows (labels, encoded inputs) and did not change is had by indexing with it.
        card: of the log.
        observed_until: the moment as of which outcomes are known, in UTC.
    """

    rows: pd.DataFrame
    features: tuple[Feature, ...]
    source: Ints
    card: DatasetCard
    observed_until: pd.Timestamp

    _derived: dict[Hashable, Any] = field(default_factory=dict, init=False, repr=False)

    def __len__(self) -> int:
        return len(self.rows)

    def derived(self, key: Hashable, compute: Callable[[], _Value]) -> _Value:
        """What follows from the rows, computed once: a suite puts many drifts into the same rows."""
        if key not in self._derived:
            self._derived[key] = compute()
        value: _Value = self._derived[key]
        return value

    def view(self) -> Log:
        """The rows as a log as of ``observed_until``, which ``data.outcomes.outcome_columns`` asks."""
        return Log(self.rows, self.card, self.observed_until)

    def take(self, index: Ints) -> DriftRows:
        """Some of the rows, in the order of ``index`` ``[M]``."""
        rows = self.rows.take(index).reset_index(drop=True)
        return replace(self, rows=rows, source=self.source[index])

    def with_columns(self, columns: dict[str, Any]) -> DriftRows:
        """The same rows with some columns replaced; the others are shared, not copied."""
        return replace(self, rows=self.rows.assign(**columns))


def drift_rows(
    rows: pd.DataFrame, *, features: tuple[Feature, ...], card: DatasetCard, observed_until: pd.Timestamp
) -> DriftRows:
    """The clean rows of a window, each its own source.

    Args:
        rows: as the encoder reads them, ``[N]``, such as ``PreparedWindow.rows``.
        features: those of the encoder that was fitted on the train window.
        card: of the log.
        observed_until: the window's moment.

    Raises:
        ValueError: a feature has no column.
    """
    absent = [feature.name for feature in features if feature.name not in rows]
    if absent:
        raise ValueError(
            f"the rows have no column for the features {absent}; give rows as the encoder reads them"
        )
    source = np.arange(len(rows), dtype=np.int64)
    return DriftRows(rows.reset_index(drop=True), tuple(features), source, card, observed_until)
