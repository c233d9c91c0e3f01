"""A Parquet log of any size, read some days at a time.

N rows of the log.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from holdfast.app.monitoring.scored_rows import check_placed
from holdfast.core.arrays import Ints
from holdfast.core.errors import UserError
from holdfast.core.files import read_json
from holdfast.core.random import generator
from holdfast.data.log import LOG_FILE, OBSERVED_FILE, VISITS_FILE, local_days

BATCH_ROWS = 65_536
PLACE = "row of the log"
"""Column that says which rows of ``RowsOfDays.past`` are those of ``RowsOfDays.frame``."""


@dataclass(frozen=True)
class RowsOfDays:
    """Rows of some local days, in order of time.

    Attributes:
        frame: all columns that were asked for, and ``PLACE``; not more rows than were asked for.
        past: the columns of a history, of all rows, and ``PLACE``; None where none was asked for.
        num_rows: rows that there are.
    """

    frame: pd.DataFrame
    past: pd.DataFrame | None
    num_rows: int


@dataclass(frozen=True)
class _RowGroup:
    """A part of a file, and the days that it holds."""

    shard: Path
    number: int
    first_day: int
    last_day: int


class ParquetLog:
    """A Parquet file, or a folder of them, of which only what is asked for is held in memory.

    One pass over ``shown_at`` finds out which row groups hold which days. Files whose rows are in order of
    time are then read about once; of others every row group that holds a day is read for that day.

    Attributes:
        columns: that it has, of those that are wanted.
        rows_of_day: how many rows each local day has, counted from 1970-01-01.
        first: the first moment; None without rows.
        last: the last one.
        observed_until: the log knows what happened before it.
        num_unplaced: rows without a time, which are of no day.
    """

    def __init__(self, path: Path, *, zone: str, wanted: Sequence[str]) -> None:
        """Open it.

        Raises:
            UserError: there is nothing to read, or rows cannot be placed in time.
        """
        if not path.exists():
            raise UserError(
                f"there is no log at {path}; name a Parquet file or a folder of them with log=..."
            )
        self._path, self._zone = path, zone
        self.num_unplaced = 0
        self.rows_of_day: Counter[int] = Counter()
        self.first: pd.Timestamp | None = None
        self.last: pd.Timestamp | None = None
        self._groups: list[_RowGroup] = []
        shards = _shards(path)
        try:
            schemas = [pq.read_schema(shard) for shard in shards]
            schema = pa.unify_schemas(schemas, promote_options="permissive")
            self.columns = [name for name in dict.fromkeys(wanted) if name in schema.names]
            self._schema = pa.schema([schema.field(name) for name in self.columns])
            check_placed(self._schema.empty_table().to_pandas(), where=f"at {path}")
            told = _told_until(path)
            latest = [self._scan(shard, with_visits=told is None) for shard in shards]
        except (pa.ArrowException, OSError) as error:
            raise _unreadable(path, error) from error
        known = [each for each in (self.last, *latest) if each is not None]
        end = max(known, default=pd.Timestamp(0, tz="UTC")) + pd.Timedelta(1, "us")
        self.observed_until: pd.Timestamp = end if told is None else told

    @property
    def num_rows(self) -> int:
        """Rows that have a time."""
        return self.rows_of_day.total()

    def read(
        self, first_day: int, end_day: int, *, past: Sequence[str] = (), most_rows: int | None = None
    ) -> RowsOfDays:
        """The rows of the days from ``first_day`` to before ``end_day``.

        Args:
            first_day: counted from 1970-01-01.
            end_day: not one of them.
            past: columns of a history, of which all rows are given.
            most_rows: of more rows a uniform sample of that many is given, drawn while they are read; all
                where None.
        """
        drawn, kept, num_rows = _Drawn(most_rows), [], 0
        for table in self._tables(first_day, end_day, self.columns):
            numbered = table.append_column(PLACE, pa.array(np.arange(num_rows, num_rows + len(table))))
            num_rows += len(table)
            drawn.add(numbered)
            if past:
                kept.append(numbered.select([*(name for name in past if name in self.columns), PLACE]))
        columns = pa.schema([*self._schema, pa.field(PLACE, pa.int64())])
        frame = _in_order([columns.empty_table(), drawn.table()] if num_rows else [columns.empty_table()])
        return RowsOfDays(frame, _in_order(kept) if kept else None, num_rows)

    def earlier(self, first_day: int, end_day: int, columns: Sequence[str]) -> pd.DataFrame:
        """Some columns of the rows of some days, in order of time."""
        chosen = [name for name in columns if name in self.columns]
        empty = pa.schema([field for field in self._schema if field.name in chosen]).empty_table()
        return _in_order([empty, *self._tables(first_day, end_day, chosen)])

    def _tables(self, first_day: int, end_day: int, columns: Sequence[str]) -> Iterator[pa.Table]:
        for group in self._groups:
            if group.first_day >= end_day or group.last_day < first_day:
                continue
            try:
                with pq.ParquetFile(group.shard) as file:
                    held = [name for name in file.schema_arrow.names if name in columns]
                    for batch in file.iter_batches(BATCH_ROWS, row_groups=[group.number], columns=held):
                        table = pa.Table.from_batches([batch])
                        day = self._days(table)
                        inside = (day >= first_day) & (day < end_day)
                        if inside.any():
                            yield table if inside.all() else table.filter(pa.array(inside))
            except (pa.ArrowException, OSError) as error:
                raise _unreadable(group.shard, error) from error

    def _days(self, table: pa.Table) -> Ints:
        """Local day of each row; the smallest integer where it has no time."""
        return local_days(table.column("shown_at").to_pandas(), self._zone)

    def _scan(self, shard: Path, *, with_visits: bool) -> pd.Timestamp | None:
        """Learn which days the row groups of a file hold; gives the latest visit that it knows of."""
        latest: list[pd.Timestamp] = []
        with pq.ParquetFile(shard) as file:
            columns = ["shown_at"]
            if with_visits and "next_visit_at" in file.schema_arrow.names:
                kind = file.schema_arrow.field("next_visit_at").type
                columns += ["next_visit_at"] if pa.types.is_timestamp(kind) and kind.tz else []
            for number in range(file.num_row_groups):
                days: list[Ints] = []
                for batch in file.iter_batches(BATCH_ROWS, row_groups=[number], columns=columns):
                    table = pa.Table.from_batches([batch])
                    moments = table.column("shown_at").to_pandas().dropna()
                    self.num_unplaced += len(table) - len(moments)
                    if len(moments):
                        self._extend(moments.min(), moments.max())
                        days.append(local_days(moments, self._zone))
                    if len(columns) > 1:
                        visits = table.column("next_visit_at").to_pandas().dropna()
                        latest += [visits.max().tz_convert("UTC")] if len(visits) else []
                if days:
                    found, counts = np.unique(np.concatenate(days), return_counts=True)
                    self.rows_of_day.update(dict(zip(found.tolist(), counts.tolist(), strict=True)))
                    self._groups.append(_RowGroup(shard, number, int(found[0]), int(found[-1])))
        return max(latest, default=None)

    def _extend(self, first: pd.Timestamp, last: pd.Timestamp) -> None:
        first, last = first.tz_convert("UTC"), last.tz_convert("UTC")
        self.first = first if self.first is None else min(first, self.first)
        self.last = last if self.last is None else max(last, self.last)


class _Drawn:
    """Rows, or a uniform sample of them: those with the smallest of random keys."""

    def __init__(self, most_rows: int | None) -> None:
        self._most = most_rows
        self._tables: list[pa.Table] = []
        self._keys: list[np.ndarray] = []
        self._num_rows = 0
        self._draws = generator(0, "monitoring", "window")

    def add(self, table: pa.Table) -> None:
        self._tables.append(table)
        self._num_rows += len(table)
        if self._most is not None:
            self._keys.append(self._draws.random(len(table)))
            if self._num_rows > 2 * self._most:
                self._shrink(self._most)

    def table(self) -> pa.Table:
        if self._most is not None and self._num_rows > self._most:
            self._shrink(self._most)
        return pa.concat_tables(self._tables, promote_options="permissive")

    def _shrink(self, most: int) -> None:
        keys = np.concatenate(self._keys)
        chosen = np.sort(np.argpartition(keys, most - 1)[:most])
        kept = pa.concat_tables(self._tables, promote_options="permissive").take(pa.array(chosen))
        # One piece: what was not taken must not be kept alive by what was.
        self._tables, self._keys, self._num_rows = [kept.combine_chunks()], [keys[chosen]], most


def _unreadable(path: Path, error: Exception) -> UserError:
    return UserError(f"cannot read {path} as Parquet ({error}); copy it again")


def _in_order(tables: Sequence[pa.Table]) -> pd.DataFrame:
    frame = pa.concat_tables(tables, promote_options="permissive").to_pandas()
    frame["shown_at"] = frame["shown_at"].dt.tz_convert("UTC").dt.as_unit("us")
    in_order: pd.DataFrame = frame.sort_values("shown_at", kind="stable").reset_index(drop=True)
    return in_order


def _shards(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    if (path / LOG_FILE).is_file():
        return [path / LOG_FILE]
    shards = [each for each in sorted(path.rglob("*.parquet")) if each.name != VISITS_FILE]
    if not shards:
        raise UserError(f"{path} holds no *.parquet; name the folder that the log is in with log=...")
    return shards


def _told_until(path: Path) -> pd.Timestamp | None:
    """What ``observed.json`` beside the log says; None where there is none."""
    file = (path if path.is_dir() else path.parent) / OBSERVED_FILE
    if not file.is_file():
        return None
    told = read_json(file)
    if isinstance(told, dict) and isinstance(told.get("observed_until"), str):
        return pd.Timestamp(told["observed_until"]).tz_convert("UTC")
    raise UserError(f"{file} does not say {{'observed_until': '...'}}")
