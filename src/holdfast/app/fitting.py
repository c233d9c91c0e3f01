"""What the stage fit does, and what can be refused before it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from holdfast.app import sayings
from holdfast.app.calibration.after_training import check_after_training
from holdfast.app.composition import Plan
from holdfast.app.run import Run
from holdfast.data.card import Objective
from holdfast.data.preparation import Prepared

if TYPE_CHECKING:
    # Lightning takes seconds to import; only training needs it
    from holdfast.training.fit import FitResult


def refuse_before_training(plan: Plan, prepared: Prepared, objectives: Sequence[Objective]) -> None:
    """Find now what would otherwise stop a run after the first minutes of training.

    Raises:
        UserError: an objective cannot be learned from the train window, or a window lacks propensities.
    """
    from holdfast.training.propensities import (
        check_observed_after_click,
        check_one_propensity,
        fit_source,
        propensity_of,
    )
    from holdfast.training.targets import check_teachable

    train, validation = prepared.windows["train"], prepared.windows["validation"]
    heads = {str(name): plan.heads[name] for name in objectives}
    check_teachable(train, heads)
    fitted = fit_source(plan.propensity, train)
    weighting = plan.weighting.resolved(fitted.on_train, train.known)
    weighting.resolved(propensity_of(fitted, validation), validation.known)
    propensity_of(fitted, prepared.windows["test"])
    check_one_propensity(plan.estimator, fitted.on_train, weighting)
    check_observed_after_click(fitted.on_train, heads)
    check_after_training(plan, prepared.encoder.schema, tuple(heads))


def train(run: Run, *, resume: bool) -> tuple[FitResult, int]:
    """Train on the prepared windows; every process of a distributed training does this together.

    Returns:
        What training came to, and how many weights the model has.
    """
    from holdfast.training.fit import fit as fit_ranker

    plan, prepared = run.plan, run.prepared
    ranker = run.fresh_ranker()
    with run.console.progress("fit") as line:
        result = fit_ranker(
            ranker,
            prepared.window("train", memory_map=True),
            prepared.window("validation"),
            weighting=plan.weighting,
            balance=plan.balance,
            optimizer=plan.optimizer,
            settings=plan.trainer,
            seed=plan.settings.seed,
            folder=run.folder.fit,
            source=plan.propensity,
            estimator=plan.estimator,
            resume=resume,
            on_progress=sayings.FitProgress(line),
            run_log=run.run_log,
        )
    return result, sum(parameter.numel() for parameter in ranker.parameters())


def fit_summary(result: FitResult, num_weights: int) -> dict[str, Any]:
    """What training came to, in plain containers."""
    return {
        "criterion": result.criterion,
        "best_epoch": result.best_epoch,
        "best_value": result.best_value,
        "num_epochs": len(result.epochs),
        "stopped_early": result.stopped_early,
        "rows_per_second": result.rows_per_second,
        "num_weights": num_weights,
        "train_weights": {name: asdict(each) for name, each in result.train_weights.items()},
        "validation_weights": {name: asdict(each) for name, each in result.validation_weights.items()},
        "targets": {name: asdict(each) for name, each in result.targets.items()},
        "propensities": None if result.propensities is None else asdict(result.propensities),
        "after_click": result.after_click,
        "unused_experts": list(result.unused_experts),
    }
