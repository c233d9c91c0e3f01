"""``metrics.json``: what several stages measured, by stable name, each stage replacing its own part only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from holdfast.app.run_folder import RunFolder
from holdfast.app.stressing.records import is_current, prefixes_in
from holdfast.core.files import read_json, write_json

OWNERS = {"counterfactual": "counterfactual", "stress": "stress", "monitor": "monitor"}
"""Stages by the start of the names that they measure; all other names belong to the stage evaluate."""

Metrics = Mapping[str, Mapping[str, Any]]


def write_evaluation(folder: RunFolder, metrics: Metrics) -> None:
    """Write what the stage evaluate measured, beside what the other stages last said."""
    _write(folder, {"evaluate": metrics})


def write_counterfactual(folder: RunFolder, metrics: Metrics) -> None:
    """Write what the stage counterfactual said, beside what the other stages last said."""
    _write(folder, {"counterfactual": metrics})


def write_monitor(folder: RunFolder, metrics: Metrics) -> None:
    """Write what the stage monitor counted, beside what the other stages last said."""
    _write(folder, {"monitor": metrics})


def write_stress(folder: RunFolder, metrics: Metrics, *, prefix: str, fingerprint: str) -> list[str]:
    """Write what a suite measured, beside what the other stages and the other suites last said.

    Args:
        folder: of the run.
        metrics: of the suite.
        prefix: of their names, such as ``stress`` or ``stress_held_out``.
        fingerprint: of model, data and settings; results of other suites with another one are dropped, and so
            are those that an older version of the score left.

    Returns:
        Prefixes of the suites whose results were dropped.
    """
    told, kept, dropped = _told(folder), dict[str, Mapping[str, Any]](), []
    for other in prefixes_in(folder):
        record = read_json(folder.stress / f"{other}.json")
        if other == prefix:
            continue
        if is_current(record) and record.get("fingerprint") == fingerprint:
            kept |= {name: each for name, each in told.items() if name.startswith(f"{other}/")}
        else:
            (folder.stress / f"{other}.json").unlink()
            dropped.append(other)
    _write(folder, {"stress": {**kept, **metrics}})
    return dropped


def _write(folder: RunFolder, made: Mapping[str, Metrics]) -> None:
    """Write what one stage made, after the parts of the others that still hold."""
    told = _told(folder)
    found: dict[str, Mapping[str, Any]] = {}
    for stage in ("evaluate", "stress", "counterfactual", "monitor"):
        if stage in made:
            found |= made[stage]
        elif folder.is_done(stage):
            found |= {name: each for name, each in told.items() if _owner(name) == stage}
    write_json(folder.metrics_file, found)


def _told(folder: RunFolder) -> Metrics:
    """What the file says."""
    if not folder.metrics_file.is_file():
        return {}
    told: Metrics = read_json(folder.metrics_file)
    return told


def _owner(name: str) -> str:
    start = name.partition("/")[0]
    # A suite's metrics start with its own name: stress_quick/..., stress_held_out/...
    return OWNERS.get("stress" if start.startswith("stress_") else start, "evaluate")


def flat(metrics: Metrics) -> dict[str, float | None]:
    """One number a name, as a tracker wants them."""
    found: dict[str, float | None] = {}
    for name, metric in metrics.items():
        found[name] = metric["value"]
        found[f"{name}/low"], found[f"{name}/high"] = metric["low"], metric["high"]
    return found
