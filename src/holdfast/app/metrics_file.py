"""``metrics.json``: what several stages measured, by stable name, each stage replacing its own part only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from holdfast.app.run_folder import RunFolder
from holdfast.core.files import read_json, write_json

OWNERS = {
    "counterfactual/": "counterfactual",
    "stress/": "stress",
    "stress_held_out/": "stress",
    "monitor/": "monitor",
}
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


def write_stress(folder: RunFolder, metrics: Metrics, *, prefix: str, fingerprint: str) -> None:
    """Write what a suite measured, beside what the other stages and the other kind of suite last said.

    Args:
        folder: of the run.
        metrics: of the suite.
        prefix: of their names, ``stress`` or ``stress_held_out``.
        fingerprint: of model, data and settings; results of the other kind with another one are dropped.
    """
    other = "stress" if prefix != "stress" else "stress_held_out"
    record = folder.stress / f"{other}.json"
    kept: Metrics = {}
    if record.is_file() and read_json(record).get("fingerprint") == fingerprint:
        kept = {name: each for name, each in _told(folder).items() if name.startswith(f"{other}/")}
    else:
        record.unlink(missing_ok=True)
    _write(folder, {"stress": {**kept, **metrics}})


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
    return OWNERS.get(name.partition("/")[0] + "/", "evaluate")


def flat(metrics: Metrics) -> dict[str, float | None]:
    """One number a name, as a tracker wants them."""
    found: dict[str, float | None] = {}
    for name, metric in metrics.items():
        found[name] = metric["value"]
        found[f"{name}/low"], found[f"{name}/high"] = metric["low"], metric["high"]
    return found
