"""From a log to the scored rows of its windows, one after the other.

N rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pandas as pd

from holdfast.app.monitoring.memory_log import MemoryLog
from holdfast.app.monitoring.opening import Opened
from holdfast.app.monitoring.parquet_log import PLACE, ParquetLog, RowsOfDays
from holdfast.app.monitoring.reading import Faults, duplicates, without_unreadable
from holdfast.app.monitoring.rolling_history import RollingHistory
from holdfast.app.monitoring.scored_rows import ScoredRows
from holdfast.app.monitoring.windows import Days
from holdfast.data.log import Log
from holdfast.monitoring.finding import Finding

BLOCK_ROWS = 262_144
"""Rows of the windows that are read together, unless one window alone has more."""


@dataclass(frozen=True)
class WindowRows:
    """A window and its rows.

    Attributes:
        window: when.
        rows: scored; a sample of them where there are more than one wants to hold.
        num_rows: how many there are.
    """

    window: Days
    rows: ScoredRows
    num_rows: int


class WindowReader:
    """Reads and scores the windows of a log in order of time, holding the rows of a few at a time.

    Attributes:
        warnings: what a reader must know, as far as the log was read.
    """

    def __init__(self, opened: Opened, log: ParquetLog | MemoryLog, *, most_rows: int) -> None:
        self._opened, self._log, self._most_rows = opened, log, most_rows
        self._history = RollingHistory(
            opened.plan.history, opened.card, inputs=list(opened.watcher.inputs), columns=log.columns
        )
        self._faults = Faults()
        self.warnings: list[str] = []

    @property
    def found(self) -> list[Finding]:
        """What is wrong with outcome columns and with rows, as far as the log was read."""
        return self._faults.findings

    def windows(self, windows: Sequence[Days]) -> Iterator[WindowRows]:
        """The rows of each window, which lie one after the other."""
        if not windows:
            return
        self._look_back(windows[0].first)
        for block in self._blocks(windows):
            end = block[-1].first + block[-1].num_days
            read = self._log.read(block[0].first, end, past=self._history.columns, most_rows=self._most_rows)
            scored = self._scored(read)
            for window in block:
                rows = scored.rows(window.holds(scored.day))
                yield WindowRows(window, rows, max(self._rows_of(window), len(rows)))
            if len(scored) < read.num_rows:
                self._say(
                    f"windows of more than {self._most_rows:,} rows are judged by a sample of that many, "
                    "which may lack rare values: set most_rows to as many rows as memory holds"
                )

    def _look_back(self, first: int) -> None:
        """Remember what trailing counts need of the days before the first window."""
        days = [day for day in self._log.rows_of_day if day < first] if self._history.columns else []
        for day in range(min(days), first) if days else ():
            rows, _ = without_unreadable(self._log.earlier(day, day + 1, self._history.columns))
            self._history.add(rows)

    def _blocks(self, windows: Sequence[Days]) -> Iterator[list[Days]]:
        block: list[Days] = []
        held = 0
        for window in windows:
            number = self._rows_of(window)
            if block and held + number > min(BLOCK_ROWS, self._most_rows):
                yield block
                block, held = [], 0
            block.append(window)
            held += number
        yield block

    def _rows_of(self, window: Days) -> int:
        return sum(self._log.rows_of_day[day] for day in range(window.first, window.first + window.num_days))

    def _scored(self, read: RowsOfDays) -> ScoredRows:
        frame, found = without_unreadable(read.frame)
        self._faults.add([*found, *duplicates(frame)], num_rows=len(frame))
        if read.past is not None:
            past, _ = without_unreadable(read.past)
            made, warnings = self._history.compute(past, self._log.observed_until)
            for warning in warnings:
                self._say(warning)
            if made is not None:
                of_rows = made.set_axis(past[PLACE].to_numpy(), axis=0).loc[frame[PLACE]]
                frame = pd.concat([frame, of_rows.set_axis(frame.index, axis=0)], axis=1)
            self._history.add(past.drop(columns=PLACE))
        log = Log(frame.drop(columns=PLACE), self._opened.card, self._log.observed_until)
        return self._opened.watcher.score(log)

    def _say(self, warning: str) -> None:
        if warning not in self.warnings:
            self.warnings.append(warning)
