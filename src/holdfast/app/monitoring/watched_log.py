"""From a reference and a log to results in a folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from holdfast.app.monitoring.opening import Opened, open_reference
from holdfast.app.monitoring.page import monitor_page
from holdfast.app.monitoring.reading import read_parquet_log, with_history, without_unreadable
from holdfast.app.monitoring.results import result, write_results
from holdfast.app.monitoring.settings import MonitorSettings
from holdfast.app.monitoring.watching import Watched, watch, with_warnings
from holdfast.app.monitoring.windows import windows_of
from holdfast.core.errors import UserError
from holdfast.data.log import Log, LogSource, local_day
from holdfast.monitoring.finding import Finding

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
    inputs = list(opened.watcher.inputs)
    if log is not None:
        read, found = read_parquet_log(log, opened.card, inputs=inputs)
    else:
        assert source is not None
        made = source.read()
        frame, found = without_unreadable(made.frame)
        read = replace(made, frame=frame)
    whole, warnings = with_history(read, opened.plan.history, inputs=inputs)
    watched, begun = _watch(opened, whole, settings, found)
    watched = with_warnings(watched, [*warnings, *begun])
    told = result(watched, settings, about(opened, whole))
    output.mkdir(parents=True, exist_ok=True)
    write_results(output, told, watched, monitor_page(told, watched.findings))
    return told


def about(opened: Opened, log: Log) -> Mapping[str, Any]:
    """Which reference and which log, in plain containers."""
    frame, columns = log.frame, opened.reference.columns
    return {
        "reference": {
            "identity": opened.bundle.identity,
            "name": opened.card.name,
            "rows": columns.num_rows,
            "last_day": iso_day(opened.reference.last_day),
            "columns": len(columns.columns),
        },
        "log": {
            "rows": len(frame),
            "first": frame["shown_at"].min().isoformat() if len(frame) else None,
            "last": frame["shown_at"].max().isoformat() if len(frame) else None,
            "observed_until": log.observed_until.isoformat(),
        },
    }


def _watch(
    opened: Opened, log: Log, settings: MonitorSettings, found: Sequence[Finding]
) -> tuple[Watched, list[str]]:
    zone = opened.card.time_zone
    warnings: list[str] = []
    days = log.local_days()
    lacking = [
        Finding(
            where=name,
            kind="missing_column",
            place="outcome",
            n_current=len(log),
            severity="broken",
            note=f"without it nothing is known of what came of {head}",
        )
        for head, name in opened.watcher.untold(list(log.frame.columns))
        if name not in {each.where for each in found}
    ]
    if not len(log):
        first = end = 0
    else:
        begins, ends = int(days.min()), local_day(log.observed_until, zone)
        first = settings.day("start") or max(begins, opened.reference.last_day + 1)
        if settings.start is None and begins > opened.reference.last_day:
            warnings.append(
                f"the log begins after the reference ends: trailing counts of its first {HISTORY_DAYS} days "
                "look back into nothing, unless the log holds them. Give earlier days too"
            )
        end = min(settings.day("end") or ends, ends)
        if end - first < settings.window_days:
            raise UserError(
                f"the log has no whole window of {settings.window} between {iso_day(first)} and "
                f"{iso_day(end)}: it spans {iso_day(begins)} to {iso_day(ends)}, and the reference ends on "
                f"{iso_day(opened.reference.last_day)}. Choose start=..., end=... or a shorter window"
            )
    windows = windows_of(first, end, num_days=settings.window_days, zone=zone)
    scored = opened.watcher.score(replace(log, frame=_only(log, first, end)))
    watched = watch(
        scored,
        opened.reference,
        watcher=opened.watcher,
        windows=windows,
        settings=settings,
        found=[*found, *_once(lacking)],
    )
    return watched, warnings


def _only(log: Log, first: int, end: int) -> Any:
    days = log.local_days()
    return log.frame[(days >= first) & (days < end)].reset_index(drop=True)


def _once(findings: Sequence[Finding]) -> list[Finding]:
    return list({(each.where, each.kind): each for each in findings}.values())


def iso_day(day: int) -> str:
    """A day counted from 1970-01-01, as text."""
    return str(pd.Timestamp(day, unit="D").date())
