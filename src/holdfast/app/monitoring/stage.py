"""The stage: a run's own test window, watched as it would be served."""

from __future__ import annotations

from typing import Any

from holdfast.app.metrics_file import flat, write_monitor
from holdfast.app.monitoring.memory_log import MemoryLog
from holdfast.app.monitoring.opening import Opened, open_reference
from holdfast.app.monitoring.page import monitor_page
from holdfast.app.monitoring.results import result, tables, write_results
from holdfast.app.monitoring.sayings import lines
from holdfast.app.monitoring.watched_log import about, iso_day
from holdfast.app.monitoring.watching import watch
from holdfast.app.monitoring.window_rows import WindowReader
from holdfast.app.monitoring.windows import windows_of
from holdfast.app.run import Run
from holdfast.core.errors import UserError
from holdfast.data.log import Log, local_day


def monitor_run(run: Run) -> None:
    """Watch the test window day by day with the run's bundle; leave results, tables and metrics."""
    prepared, settings = run.prepared, run.plan.monitor
    bounds, zone = prepared.bounds["test"], prepared.card.time_zone
    with run.console.working("monitor", "scoring the test window, comparing it with the reference"):
        opened: Opened = open_reference(run.folder.path, plan=run.plan)
        log = Log(prepared.test_rows(), prepared.card, bounds.as_of)
        begins, ends = local_day(bounds.start, zone), local_day(bounds.end, zone)
        first = max(begins, settings.day("start") or begins)
        end = min(ends, settings.day("end") or ends)
        windows = windows_of(first, end, num_days=settings.window_days, zone=zone)
        if not windows:
            raise UserError(
                f"the test window, {iso_day(begins)} to {iso_day(ends)}, has no whole window of "
                f"{settings.window} within monitor.start and monitor.end; choose others"
            )
        rows = MemoryLog(log, history=opened.plan.history, inputs=[])
        reader = WindowReader(opened, rows, most_rows=settings.most_rows)
        watched = watch(reader.windows(windows), opened.reference, watcher=opened.watcher, settings=settings)
        told = result(watched, settings, about(opened, rows))
    write_results(run.folder.monitor, told, watched, monitor_page(told, watched.findings))
    run.save_tables({f"monitor_{name}": table for name, table in tables(watched).items()})
    metrics = metrics_of(told)
    write_monitor(run.folder, metrics)
    run.run_log.log_summary(flat(metrics))
    for line in lines(told):
        run.console.say("monitor", line)
    for warning in told["warnings"]:
        run.console.warn("monitor", warning)


def metrics_of(told: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Counts of what was seen, in the form of ``metrics.json``."""
    windows = told["windows"]
    harmful = sum(alarm["harmful"] is True for alarm in told["alarms"])
    counts = {
        "monitor/alarms": told["num_alarms"],
        "monitor/harmful_alarms": harmful,
        "monitor/windows_with_alarms": sum(each["alarms"] > 0 for each in windows),
        "monitor/windows": len(windows),
        "monitor/retrain": told["action"] == "retrain",
    }
    rows = sum(each["rows"] for each in windows)
    return {
        name: {"value": float(value), "low": None, "high": None, "n": rows, "weighted": False, "note": ""}
        for name, value in counts.items()
    }
