"""What is left of a watch: JSON with stable names, tables, and the exit code."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from holdfast.app.monitoring.settings import MonitorSettings
from holdfast.app.monitoring.watching import Watched
from holdfast.core.files import whole_file, write_json
from holdfast.monitoring.alarms import alarm_table
from holdfast.monitoring.monitoring_columns import findings_table
from holdfast.monitoring.structure import STRUCTURAL_KINDS

ALARM_EXIT, RETRAIN_EXIT = 3, 4
FORMAT = 1
RESULT_FILE, PAGE_FILE = "monitor.json", "monitor.html"


def exit_code(watched: Watched) -> int:
    """0 where nothing is the matter, 3 where there is an alarm, 4 where the model should be trained again."""
    if watched.trigger.fires:
        return RETRAIN_EXIT
    return ALARM_EXIT if watched.alarms else 0


def result(watched: Watched, settings: MonitorSettings, about: Mapping[str, Any]) -> dict[str, Any]:
    """The result in plain containers; see docs/monitoring.md for its names.

    Args:
        watched: what was seen.
        settings: what was an alarm.
        about: ``reference`` and ``log``, plain containers.
    """
    named = [each for each in watched.findings if each.kind in STRUCTURAL_KINDS]
    late = watched.late
    unknown = int((late["matured"] < late["n"]).sum()) if len(late) else 0
    return {
        "format": FORMAT,
        "exit_code": exit_code(watched),
        "action": watched.trigger.action,
        "reasons": list(dict.fromkeys(watched.trigger.reasons)),
        "num_findings": len(watched.findings),
        "num_alarms": watched.trigger.num_alarms,
        "num_harmless": watched.trigger.num_harmless,
        "num_unconfirmed": watched.trigger.num_unconfirmed,
        "days_not_matured": unknown,
        "settings": dict(settings.__dict__),
        **about,
        "windows": [
            {
                "start": each.window.start.isoformat() if each.window.start is not None else None,
                "end": each.window.end.isoformat() if each.window.end is not None else None,
                "rows": rows,
                "alarms": sum(alarm.start == each.window.start for alarm in watched.alarms),
            }
            for each, rows in zip(watched.windows, watched.rows, strict=True)
        ],
        "alarms": [_plain(row) for row in alarm_table(watched.alarms).to_dict("records")],
        "named_findings": [
            _plain({key: row[key] for key in ("where", "kind", "place", "start", "end", "severity", "note")})
            for row in findings_table(named).to_dict("records")
        ],
        "calibration": [_plain(row) for row in watched.calibration.to_dict("records")],
        "late_labels": [_plain(row) for row in watched.late.to_dict("records")],
        "label_free": [_plain(row) for row in watched.label_free.to_dict("records")],
        "warnings": list(watched.warnings),
    }


def tables(watched: Watched) -> dict[str, pd.DataFrame]:
    """The tables by name; those without rows are there too."""
    return {
        "findings": findings_table(watched.findings),
        "alarms": alarm_table(watched.alarms),
        "calibration": watched.calibration,
        "late_labels": watched.late,
        "label_free": watched.label_free,
    }


def write_results(folder: Path, made: Mapping[str, Any], watched: Watched, page: str) -> None:
    """Write ``monitor.json``, ``monitor.html`` and a Parquet file a table, each whole or not at all."""
    for name, table in tables(watched).items():
        with whole_file(folder / f"{name}.parquet") as temporary:
            table.to_parquet(temporary, index=False)
    with whole_file(folder / PAGE_FILE) as temporary:
        temporary.write_text(page, encoding="utf-8")
    # Last: who waits for it finds the others.
    write_json(folder / RESULT_FILE, made)


def _plain(row: Mapping[Any, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, pd.Timestamp):
            found[str(name)] = None if pd.isna(value) else value.isoformat()
        elif value is None or value is pd.NaT or (isinstance(value, float) and not math.isfinite(value)):
            found[str(name)] = None
        else:
            found[str(name)] = value.item() if hasattr(value, "item") else value
    return found
