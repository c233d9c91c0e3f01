"""What is fitted once a model is trained: calibration first, then the fusion of what is calibrated."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from holdfast.app.calibration.judged_rows import head_rows, scored_rows
from holdfast.app.composition import Plan
from holdfast.core.arrays import Floats
from holdfast.core.errors import UserError
from holdfast.core.features import InputSchema
from holdfast.core.files import read_json, whole_folder, write_json
from holdfast.core.fitted_state import restored, state_of
from holdfast.core.protocols import FittedFusion, Fusion
from holdfast.data.encoded import EncodedWindow
from holdfast.data.encoder import Encoder
from holdfast.models.calibration.fitting import fit_calibration
from holdfast.models.calibration.output_calibration import OutputCalibration, calibration_from_dict
from holdfast.models.ranker import Ranker
from holdfast.objectives.propensities.source import FittedSource

FILE = "calibrated.json"


@dataclass(frozen=True)
class Calibrated:
    """What was fitted on a validation window.

    Attributes:
        calibration: maps of the heads; None where none were asked for.
        fusion: ready to use.
        left_out: why objectives that a map was asked for have none.
    """

    calibration: OutputCalibration | None
    fusion: Fusion
    left_out: Mapping[str, str]


def fits_after_training(plan: Plan) -> bool:
    """Whether a plan asks for anything that is fitted after training."""
    return bool(plan.calibration.asked) or isinstance(plan.fusion, FittedFusion)


def check_after_training(plan: Plan, schema: InputSchema | None, objectives: Collection[str]) -> None:
    """Refuse now what could not be fitted later.

    Raises:
        UserError: names the setting that is at fault.
    """
    try:
        if isinstance(plan.fusion, FittedFusion):
            plan.fusion.check(tuple(objectives), schema)
    except ValueError as error:
        raise UserError(f"fusion: {error}") from error
    try:
        if schema is not None:
            plan.calibration.check(schema)
    except ValueError as error:
        raise UserError(f"calibration: {error}") from error


def fit_after_training(
    plan: Plan, ranker: Ranker, train: EncodedWindow, validation: EncodedWindow, encoder: Encoder
) -> Calibrated:
    """Fit on the validation window what the plan asks for, and attach the calibration to the ranker.

    Args:
        plan: with calibration and fusion.
        ranker: trained; whatever calibration it had is replaced.
        train: teaches propensities, where a fusion is weighted by them, and nothing else.
        validation: teaches maps and weights.
        encoder: that encoded both.

    Raises:
        UserError: the fusion cannot be fitted, its constraint is infeasible, or a slice is unknown.
    """
    from holdfast.training.prediction import predict
    from holdfast.training.propensities import fit_source, metric_weights

    ranker.calibration = None
    if not fits_after_training(plan):
        return Calibrated(None, plan.fusion, {})
    check_after_training(plan, encoder.schema, ranker.objectives)
    source = fit_source(plan.propensity, train)
    left_out = _left_out(plan, ranker, source)
    calibration = None
    if plan.calibration.asked:
        outputs = predict(ranker, validation, fusion=None)
        rows = head_rows(validation, outputs, ranker.heads, horizon_days=plan.settings.horizon_days)
        try:
            calibration = fit_calibration(
                plan.calibration,
                [each for each in rows if each.objective not in left_out],
                categorical=validation.categorical,
                schema=encoder.schema,
            )
        except ValueError as error:
            raise UserError(f"calibration: {error}") from error
        ranker.calibration = calibration
    weights = metric_weights(validation, source, plan.weighting)
    return Calibrated(
        calibration, _fitted_fusion(plan.fusion, ranker, validation, encoder, weights), left_out
    )


def save_calibrated(folder: Path, plan: Plan, calibrated: Calibrated) -> None:
    """Write what was fitted, and the settings that it was fitted with, whole or not at all."""
    with whole_folder(folder) as temporary:
        write_json(
            temporary / FILE,
            {
                "settings": _settings(plan),
                "calibration": None if calibrated.calibration is None else calibrated.calibration.to_dict(),
                "fusion": state_of(calibrated.fusion),
                "left_out": dict(calibrated.left_out),
            },
        )


def load_calibrated(folder: Path, plan: Plan) -> Calibrated:
    """What ``save_calibrated`` wrote.

    Raises:
        UserError: there is nothing, or it was fitted with other settings.
    """
    path = folder / FILE
    if not path.is_file():
        raise UserError(
            f"{folder} holds nothing that was fitted after training, and the configuration asks for it; run "
            "the stage calibrate"
        )
    saved = read_json(path)
    if saved["settings"] != _settings(plan):
        raise UserError(
            f"{path} was fitted with another fusion or calibration; run the stage calibrate again"
        )
    try:
        fusion = restored(plan.fusion, saved["fusion"]) if saved["fusion"] else plan.fusion
    except ValueError as error:
        raise UserError(f"{path}: {error} with the stage calibrate") from error
    calibration = saved["calibration"]
    return Calibrated(
        None if calibration is None else calibration_from_dict(calibration), fusion, saved["left_out"]
    )


def _fitted_fusion(
    fusion: Fusion,
    ranker: Ranker,
    validation: EncodedWindow,
    encoder: Encoder,
    weights: Mapping[str, Floats],
) -> Fusion:
    from holdfast.training.prediction import predict

    if not isinstance(fusion, FittedFusion):
        return fusion
    rows = scored_rows(
        validation,
        predict(ranker, validation, fusion=None),
        ranker.heads,
        encoder,
        weights=weights,
        named=str(getattr(fusion, "segment", "")),
    )
    try:
        return fusion.fitted(rows)
    except ValueError as error:
        raise UserError(f"fusion: {error}") from error


def _left_out(plan: Plan, ranker: Ranker, source: FittedSource) -> dict[str, str]:
    """Why a map that was asked for is not fitted, by objective."""
    from holdfast.training.propensities import OF_BEING_SEEN

    left_out = {name: "this run predicts none" for name in plan.calibration.asked if name not in ranker.heads}
    interest = source.on_train.meaning in OF_BEING_SEEN and plan.weighting.kind != "none"
    if interest and plan.calibration.click != "none" and "click" in ranker.heads:
        left_out["click"] = "its head learns interest, from labels corrected for what was not seen"
    return left_out


def _settings(plan: Plan) -> dict[str, Any]:
    """Whatever decides what is fitted, as JSON gives it back; fitted fields are no settings."""
    fusion: Any = plan.fusion
    state = set(state_of(fusion))
    chosen = {name: value for name, value in asdict(fusion).items() if name not in state}
    calibration = asdict(plan.calibration)
    settings = {"fusion": {"kind": type(fusion).__name__, **chosen}, "calibration": calibration}
    plain: dict[str, Any] = json.loads(json.dumps(settings))
    return plain
