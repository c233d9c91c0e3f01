"""A world's log and its truth as files: the log for everybody, the truth apart from it.

N rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.parquet as pq

from holdfast.core.files import whole_folder, write_json
from holdfast.data.log import CARD_FILE, OBSERVED_FILE
from holdfast.simulation.day_files import DayFiles, keep_days
from holdfast.simulation.loop import NOBODY
from holdfast.simulation.mechanisms import Mechanisms
from holdfast.simulation.publishing import Publication
from holdfast.simulation.record import Day
from holdfast.simulation.truth import columns_of, truth_tables

ROWS_A_GROUP = 1 << 18


def write_days(
    days: Iterable[Day], publication: Publication, *, log: Path, truth: Path | None, threads: int
) -> int:
    """Write the days of a run, in any order within each, as they come; see ``DefaultWorld.write``.

    Raises:
        ValueError: the two folders are not apart, nobody came, or the days broke off; what came before is
            written all the same.
    """
    if truth is not None and (truth == log or log in truth.parents or truth in log.parents):
        raise ValueError(f"truth is {truth} and log is {log}; keep them apart: no model may find the truth")
    log.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=log.parent, prefix=f".{log.name}.days-") as folder:
        kept = DayFiles(Path(folder))
        failure: ValueError | None = None
        try:
            keep_days(days, publication, kept)
        except ValueError as error:
            failure = error
        rows = 0
        if len(kept):
            until_day = publication.parts.num_days if failure is None else kept[-1].day + 1
            rows = write_log(log, publication, kept, until_day=until_day, threads=threads)
            if truth is not None:
                write_truth(truth, publication.parts, kept)
    if failure is not None:
        raise failure
    if not rows:
        raise ValueError(NOBODY)
    return rows


def write_log(
    folder: Path, publication: Publication, days: Sequence[Day], *, until_day: int, threads: int = 1
) -> int:
    """Write a log in the canonical form, a Parquet shard a day; ``ParquetLog`` reads it.

    Args:
        folder: takes the place of what is there, whole.
        publication: turns days into rows.
        days: in order, each ``in_order``; read one after the other.
        until_day: the log knows what happened before this day.
        threads: shards written at the same time.

    Returns:
        How many rows were written.
    """
    with whole_folder(folder) as temporary:
        publication.card().write(temporary / CARD_FILE)
        until = publication.until(until_day)
        write_json(temporary / OBSERVED_FILE, {"observed_until": until.isoformat()})

        def write(day: int, table: pa.Table) -> int:
            write_shard(temporary / f"day_{day:05d}.parquet", table)
            return len(table)

        return sum(_few_at_a_time(write, publication.tables(days), threads=threads))


def write_truth(folder: Path, parts: Mechanisms, days: Sequence[Day]) -> None:
    """Write what only judges may see, a Parquet shard a day and kind; ``read_truth`` reads it.

    Args:
        folder: takes the place of what is there, whole. It belongs apart from any log.
        parts: users and items.
        days: in order, each ``in_order``.
    """
    with whole_folder(folder) as temporary:
        for place in range(len(days)):
            day = days[place]
            for name, table in truth_tables(day, parts.items).items():
                (temporary / name).mkdir(exist_ok=True)
                write_shard(temporary / name / f"day_{day.day:05d}.parquet", table)
        for name, table in {"users": columns_of(parts.users), "items": columns_of(parts.items)}.items():
            write_shard(temporary / f"{name}.parquet", table)


def write_shard(path: Path, table: pa.Table) -> None:
    """Write a table as Parquet; text comes back as plain text, whatever its form in memory."""
    pq.write_table(table, path, compression="zstd", row_group_size=ROWS_A_GROUP, store_schema=False)


def _few_at_a_time(
    work: Callable[[int, pa.Table], int], jobs: Iterable[tuple[int, pa.Table]], *, threads: int
) -> list[int]:
    """Results in order; no more jobs are taken up than there are threads, because each holds a day."""
    done: list[int] = []
    waiting: list[Future[int]] = []
    with ThreadPoolExecutor(threads) as workers:
        for job in jobs:
            waiting.append(workers.submit(work, *job))
            if len(waiting) >= threads:
                done.append(waiting.pop(0).result())
        return done + [each.result() for each in waiting]
