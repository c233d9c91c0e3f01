"""Which stage needs which, and whose results are out of date when one is done again."""

from __future__ import annotations

from collections.abc import Collection

from holdfast.app.calibration.after_training import fits_after_training
from holdfast.app.composition import Plan
from holdfast.app.settings import STAGES
from holdfast.app.simulating.contenders import need_the_runs_model

NEEDS: dict[str, tuple[str, ...]] = {
    "prepare": (),
    "fit": ("prepare",),
    "calibrate": ("prepare", "fit"),
    "evaluate": ("prepare", "fit"),  # and calibrate, for these, where anything is fitted there
    "stress": ("prepare", "fit"),
    "counterfactual": ("prepare", "fit"),
    "simulate": (),  # and prepare and fit, where the run's own model takes part
    "export": ("prepare", "fit"),
    "monitor": ("prepare", "fit", "export"),
    "report": (),
}
REPORTED = ("prepare", "simulate")
"""A report needs at least one of them."""
RESTS_ALSO_ON = {
    "evaluate": ("calibrate",),
    "stress": ("calibrate",),
    "counterfactual": ("calibrate",),
    "simulate": ("prepare", "fit", "calibrate"),
    "export": ("calibrate",),
    "monitor": ("calibrate",),
    "report": ("prepare",),
}
"""Stages that a result is made from where they were done."""


SERVES_THE_MODEL = ("evaluate", "stress", "counterfactual", "export")
"""Stages that use the model as it would be served: with its calibration and its fusion."""


def resting_on(stage: str) -> tuple[str, ...]:
    """The stages whose results are out of date once a stage has been done again."""
    later = STAGES[STAGES.index(stage) + 1 :]
    return tuple(
        each for each in later if stage in (*NEEDS[each], *RESTS_ALSO_ON.get(each, ())) or each == "report"
    )


def needs(stage: str, plan: Plan, done: Collection[str]) -> tuple[str, ...]:
    """The stages that must have been done before a stage of this plan, given those that were."""
    if stage == "simulate" and need_the_runs_model(plan.contenders.values()):
        return ("prepare", "fit", *_calibrated(plan))
    if stage == "report" and not set(REPORTED) & set(done):
        return (REPORTED[0],)
    return (*NEEDS[stage], *_calibrated(plan)) if stage in SERVES_THE_MODEL else NEEDS[stage]


def _calibrated(plan: Plan) -> tuple[str, ...]:
    return ("calibrate",) if fits_after_training(plan) else ()
