"""What the report says of fusion and calibration, gathered from a run's folder."""

from __future__ import annotations

from typing import Any

import pandas as pd

from holdfast.app.calibration.front_of_run import EFFECT_TABLE, FRONT_FILE, FRONT_TABLE
from holdfast.app.report.fusion_content import FusionSection
from holdfast.app.run_folder import RunFolder
from holdfast.core.files import read_json


def fusion_section(
    folder: RunFolder, config: dict[str, Any], metrics: dict[str, Any]
) -> FusionSection | None:
    """The section; None for a run that was not evaluated."""
    if not folder.is_done("evaluate"):
        return None
    fitted, table = folder.calibrated / "summary.json", folder.tables / f"{FRONT_TABLE}.parquet"
    asked = folder.is_done("calibrate") and fitted.is_file()
    about = folder.path / FRONT_FILE
    told: dict[str, Any] = read_json(about) if about.is_file() else {"why_not": "it was not measured"}
    effect = folder.tables / f"{EFFECT_TABLE}.parquet"
    kind = str(config["fusion"]["_target_"]).rpartition(".")[2]
    return FusionSection(
        fitted=read_json(fitted) if asked else None,
        fusion=kind,
        front=pd.DataFrame() if "why_not" in told or not table.is_file() else pd.read_parquet(table),
        hypervolume={
            window: metrics[f"{window}/pareto/hypervolume"]["value"]
            for window in ("validation", "test")
            if f"{window}/pareto/hypervolume" in metrics
        },
        notes=told.get("notes", ()),
        why_not=told.get("why_not", ""),
        effect=pd.read_parquet(effect) if asked and effect.is_file() else pd.DataFrame(),
    )
