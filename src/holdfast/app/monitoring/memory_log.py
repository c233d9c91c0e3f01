"""A log that lies in memory, read as one that does not.

N rows of the log.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from holdfast.app.monitoring.parquet_log import PLACE, RowsOfDays
from holdfast.app.monitoring.rolling_history import NEEDED
from holdfast.data.history import TrailingHistory
from holdfast.data.log import Log


class MemoryLog:
    """The same as ``ParquetLog`` of a log that a source made; a sample of its rows is never drawn.

    Args:
        log: with outcomes as they came.
        history: what the model may have been trained with, made of the whole log where it lacks it.
        inputs: columns that the model reads.
    """

    def __init__(self, log: Log, *, history: TrailingHistory, inputs: Sequence[str]) -> None:
        wanted = [each.name for each in history.features() if each.name in inputs]
        wanted = [name for name in wanted if name not in log.frame]
        if wanted and len(log) and all(name in log.frame for name in NEEDED):
            made = history.compute(log)
            made = made[[name for name in wanted if name in made]].set_axis(log.frame.index, axis=0)
            log = replace(log, frame=pd.concat([log.frame, made], axis=1))
        self._frame, self._day = log.frame, log.local_days()
        self.columns = [str(name) for name in log.frame.columns]
        days, counts = np.unique(self._day, return_counts=True)
        self.rows_of_day: Counter[int] = Counter(dict(zip(days.tolist(), counts.tolist(), strict=True)))
        shown_at = log.frame["shown_at"]
        self.first: pd.Timestamp | None = shown_at.min() if len(log) else None
        self.last: pd.Timestamp | None = shown_at.max() if len(log) else None
        self.observed_until: pd.Timestamp = log.observed_until

    @property
    def num_rows(self) -> int:
        """All rows."""
        return len(self._frame)

    def read(
        self, first_day: int, end_day: int, *, past: Sequence[str] = (), most_rows: int | None = None
    ) -> RowsOfDays:
        """See ``ParquetLog.read``; ``most_rows`` saves nothing here."""
        frame = self._frame[(self._day >= first_day) & (self._day < end_day)].reset_index(drop=True)
        frame[PLACE] = np.arange(len(frame))
        kept = frame[[*(name for name in past if name in frame), PLACE]] if past else None
        return RowsOfDays(frame, kept, len(frame))

    def earlier(self, first_day: int, end_day: int, columns: Sequence[str]) -> pd.DataFrame:
        """See ``ParquetLog.earlier``."""
        here = (self._day >= first_day) & (self._day < end_day)
        return self._frame.loc[here, [name for name in columns if name in self._frame]].reset_index(drop=True)
