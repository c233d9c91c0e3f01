"""What the stage evaluate adds for whoever chooses a fusion: the front, and what was fitted on validation."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from holdfast.app.calibration.after_training import Calibrated
from holdfast.app.calibration.front import fusion_front
from holdfast.app.calibration.sayings import IN_SAMPLE
from holdfast.app.measuring import RunEvaluation
from holdfast.app.run import Run
from holdfast.core.files import write_json
from holdfast.core.protocols import FittedFusion

FRONT_FILE = "front.json"


def with_front(run: Run, evaluation: RunEvaluation) -> RunEvaluation:
    """The evaluation with the front over fusion weights, and with a note on metrics that are in-sample."""
    metrics = in_sample(evaluation.metrics, run.calibrated)
    front = fusion_front(run.prepared, run.trained_ranker(), run.served_plan)
    if isinstance(front, str):
        (run.folder.tables / "pareto.parquet").unlink(missing_ok=True)
        write_json(run.folder.path / FRONT_FILE, {"why_not": front})
        return replace(evaluation, metrics=metrics)
    write_json(run.folder.path / FRONT_FILE, {"notes": list(front.notes)})
    for each in front.metrics:
        entry = each.to_dict()
        metrics[entry.pop("name")] = entry
    return replace(evaluation, metrics=metrics, tables={**evaluation.tables, "pareto": front.table})


def in_sample(metrics: dict[str, dict[str, Any]], calibrated: Calibrated) -> dict[str, dict[str, Any]]:
    """Metrics of the window that something was fitted on say so in their note."""
    maps = calibrated.calibration
    fitted = [f"validation/{head.objective}/" for head in (maps.heads if maps else ())]
    if maps or isinstance(calibrated.fusion, FittedFusion):
        fitted.append("validation/ranking/")
    return {
        name: {**each, "note": "; ".join(filter(None, (each["note"], IN_SAMPLE)))}
        if name.startswith(tuple(fitted))
        else each
        for name, each in metrics.items()
    }
