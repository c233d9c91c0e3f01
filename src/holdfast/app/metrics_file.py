"""``metrics.json``: what several stages measured, by stable name, each stage replacing its own part only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from holdfast.app.run_folder import RunFolder
from holdfast.core.files import read_json, write_json

COUNTERFACTUAL = "counterfactual/"

Metrics = Mapping[str, Mapping[str, Any]]


def write_evaluation(folder: RunFolder, metrics: Metrics) -> None:
    """Write what the stage evaluate measured, beside what the stage counterfactual last said."""
    _write(folder, metrics, _kept(folder, "counterfactual"))


def write_counterfactual(folder: RunFolder, metrics: Metrics) -> None:
    """Write what the stage counterfactual said, beside what the stage evaluate last measured."""
    _write(folder, _kept(folder, "evaluate"), metrics)


def _kept(folder: RunFolder, stage: str) -> Metrics:
    """The part of a stage, if it still holds."""
    if not folder.is_done(stage) or not folder.metrics_file.is_file():
        return {}
    told: Metrics = read_json(folder.metrics_file)
    mine = stage == "counterfactual"
    return {name: each for name, each in told.items() if name.startswith(COUNTERFACTUAL) == mine}


def _write(folder: RunFolder, evaluation: Metrics, counterfactual: Metrics) -> None:
    write_json(folder.metrics_file, {**evaluation, **counterfactual})


def flat(metrics: Metrics) -> dict[str, float | None]:
    """One number a name, as a tracker wants them."""
    found: dict[str, float | None] = {}
    for name, metric in metrics.items():
        found[name] = metric["value"]
        found[f"{name}/low"], found[f"{name}/high"] = metric["low"], metric["high"]
    return found
