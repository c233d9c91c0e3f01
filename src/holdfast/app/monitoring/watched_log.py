"""From a reference and a log to results in a folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from holdfast.app.monitoring.memory_log import MemoryLog
from holdfast.app.monitoring.opening import Opened, open_reference
from holdfast.app.monitoring.page import monitor_page
from holdfast.app.monitoring.parquet_log import ParquetLog
from holdfast.app.monitoring.reading import without_unreadable
from holdfast.app.monitoring.results import result, write_results
from holdfast.app.monitoring.settings import MonitorSettings
from holdfast.app.monitoring.watching import watch, with_warnings
from holdfast.app.monitoring.window_rows import WindowReader
from holdfast.app.monitoring.windows import Days, windows_of
from holdfast.core.errors import UserError
from holdfast.data.canonical import COLUMN_NAMES
from holdfast.data.log import LogSource, local_day
from holdfast.monitoring.finding import Finding
from holdfast.monitoring.realised_findings import impossible_values

HISTORY_DAYS = 7


def watch_log(
    reference: Path,
    *,
    settings: MonitorSettings,
    output: Path,
    log: Path | None = None,
    source: LogSource | None = None,
) -> dict[str, Any]:
    """Watch a log, write the results into ``output``, and give what ``monitor.json`` says.

    Args:
        reference: a run, or the bundle of one.
        settings: how the log is cut, and what is an alarm.
        output: a folder.
        log: Parquet; columns may be missing or of another type.
        source: any other log, instead of ``log``.

    Raises:
        UserError: there is no bundle or no log, or nothing to watch in it.
    """
    opened = open_reference(reference)
    rows, found = _opened_log(opened, log, source)
    windows, warnings = _windows(opened, rows, settings)
    reader = WindowReader(opened, rows, most_rows=settings.most_rows)

    def found_in_all() -> list[Finding]:
        named = [*found, *reader.found]
        return [*named, *_lacking(opened, rows, named)]

    watched = watch(
        reader.windows(windows),
        opened.reference,
        watcher=opened.watcher,
        settings=settings,
        found=found_in_all,
    )
    watched = with_warnings(watched, [*reader.warnings, *warnings])
    told = result(watched, settings, about(opened, rows))
    output.mkdir(parents=True, exist_ok=True)
    write_results(output, told, watched, monitor_page(told, watched.findings))
    return told


def about(opened: Opened, log: ParquetLog | MemoryLog) -> Mapping[str, Any]:
    """Which reference and which log, in plain containers."""
    columns = opened.reference.columns
    return {
        "reference": {
            "identity": opened.bundle.identity,
            "name": opened.card.name,
            "rows": columns.num_rows,
            "last_day": iso_day(opened.reference.last_day),
            "columns": len(columns.columns),
        },
        "log": {
            "rows": log.num_rows,
            "first": None if log.first is None else log.first.isoformat(),
            "last": None if log.last is None else log.last.isoformat(),
            "observed_until": log.observed_until.isoformat(),
        },
    }


def _opened_log(
    opened: Opened, log: Path | None, source: LogSource | None
) -> tuple[ParquetLog | MemoryLog, list[Finding]]:
    """The log, and what is wrong with its outcomes as far as that is known before it is read."""
    inputs = list(opened.watcher.inputs)
    if log is not None:
        opened_log = ParquetLog(log, zone=_zone(opened), wanted=[*COLUMN_NAMES, *inputs])
        return opened_log, _unplaced(opened_log)
    assert source is not None
    made = source.read()
    frame, found = without_unreadable(made.frame)
    return MemoryLog(replace(made, frame=frame), history=opened.plan.history, inputs=inputs), found


def _windows(
    opened: Opened, log: ParquetLog | MemoryLog, settings: MonitorSettings
) -> tuple[list[Days], list[str]]:
    """The windows of the log that are watched, none of a log without rows; and what to know about them."""
    zone, warnings, last = _zone(opened), [], opened.reference.last_day
    if not log.rows_of_day:
        return [], []
    begins, ends = min(log.rows_of_day), local_day(log.observed_until, zone)
    first = settings.day("start") or max(begins, last + 1)
    if settings.start is None and begins > last:
        warnings.append(
            f"the log begins after the reference ends: trailing counts of its first {HISTORY_DAYS} days "
            "look back into nothing, unless the log holds them. Give earlier days too"
        )
    end = min(settings.day("end") or ends, ends)
    if end - first < settings.window_days:
        raise UserError(
            f"the log has no whole window of {settings.window} between {iso_day(first)} and "
            f"{iso_day(end)}: it spans {iso_day(begins)} to {iso_day(ends)}, and the reference ends on "
            f"{iso_day(last)}. Choose start=..., end=... or a shorter window"
        )
    return windows_of(first, end, num_days=settings.window_days, zone=zone), warnings


def _unplaced(log: ParquetLog) -> list[Finding]:
    """A finding on rows without a time, if there are any."""
    if not log.num_unplaced:
        return []
    whole = log.num_rows + log.num_unplaced
    return [impossible_values(log.num_unplaced, whole, kind="unplaced_rows", where="shown_at", place="frame")]


def _lacking(opened: Opened, log: ParquetLog | MemoryLog, found: Sequence[Finding]) -> list[Finding]:
    """Outcome columns that the log does not have."""
    known = {each.where for each in found}
    lacking = {
        name: Finding(
            where=name,
            kind="missing_column",
            place="outcome",
            n_current=log.num_rows,
            severity="broken",
            note=f"without it nothing is known of what came of {head}",
        )
        for head, name in opened.watcher.untold(log.columns)
        if name not in known
    }
    return list(lacking.values())


def _zone(opened: Opened) -> str:
    return opened.card.time_zone


def iso_day(day: int) -> str:
    """A day counted from 1970-01-01, as text."""
    return str(pd.Timestamp(day, unit="D").date())
