"""What the stage evaluate adds for whoever chooses a fusion: the front, and what was fitted on validation."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from holdfast.app.calibration.after_training import Calibrated
from holdfast.app.calibration.effect import calibration_effect
from holdfast.app.calibration.front import fusion_front
from holdfast.app.calibration.sayings import IN_SAMPLE
from holdfast.app.measuring import RunEvaluation
from holdfast.app.run import Run
from holdfast.core.files import write_json
from holdfast.core.protocols import FittedFusion

FRONT_FILE = "front.json"
FRONT_TABLE, EFFECT_TABLE = "pareto", "calibration_effect"


def with_front(run: Run, evaluation: RunEvaluation) -> RunEvaluation:
    """The evaluation with what calibration did on test, the front over fusions, and in-sample notes."""
    metrics = in_sample(evaluation.metrics, run.calibrated)
    ranker = run.trained_ranker()
    effect = calibration_effect(
        run.prepared.window("test"), ranker, run.plan, outputs=evaluation.outputs["test"]
    )
    tables = dict(evaluation.tables)
    if effect.empty:
        run.drop_table(EFFECT_TABLE)
    else:
        tables[EFFECT_TABLE] = effect
    front = fusion_front(run.prepared, ranker, run.served_plan, outputs=evaluation.outputs)
    if isinstance(front, str):
        run.drop_table(FRONT_TABLE)
        write_json(run.folder.path / FRONT_FILE, {"why_not": front})
        return replace(evaluation, metrics=metrics, tables=tables)
    write_json(run.folder.path / FRONT_FILE, {"notes": list(front.notes)})
    for each in front.metrics:
        entry = each.to_dict()
        metrics[entry.pop("name")] = entry
    return replace(evaluation, metrics=metrics, tables={**tables, FRONT_TABLE: front.table})


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
