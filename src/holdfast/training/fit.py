"""Training from windows to the weights of the best epoch, from the start or from where a run was stopped."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import pytorch_lightning as pl

from holdfast.core.importance import WeightDiagnostics
from holdfast.data.encoded import EncodedWindow
from holdfast.models.ranker import Ranker
from holdfast.objectives.balancing.balance import Balance
from holdfast.objectives.balancing.static import StaticBalance
from holdfast.objectives.estimators.naive import Naive
from holdfast.objectives.estimators.rows import LossEstimator
from holdfast.objectives.propensities.logged import Logged
from holdfast.objectives.propensities.source import PropensitySource
from holdfast.objectives.weighting import PropensityWeighting
from holdfast.tracking.run_log import RunLog
from holdfast.training.checkpoints import (
    LAST,
    Plan,
    RunState,
    clear_checkpoints,
    load_best,
    read_run_state,
)
from holdfast.training.click_propensity import of_best_epoch
from holdfast.training.data_module import WindowDataModule, known_rows
from holdfast.training.environments import Environments
from holdfast.training.epochs import EpochEnd
from holdfast.training.gates import GateWatch, unused_in_best_epoch
from holdfast.training.lightning_run import run_lightning
from holdfast.training.module import RankingModule
from holdfast.training.post_click import check_heads
from holdfast.training.progress import Progress, Watch
from holdfast.training.propensities import (
    PropensityNotes,
    Weighed,
    check_one_propensity,
    fit_source,
    propensity_notes,
    propensity_of,
    weigh,
)
from holdfast.training.recency import with_decay
from holdfast.training.robust_losses import check_robust_loss
from holdfast.training.robust_training import RobustTraining
from holdfast.training.selection import Selection, check_criterion
from holdfast.training.settings import OptimizerSettings, TrainerSettings
from holdfast.training.targets import TargetNotes, head_targets
from holdfast.training.window_checks import with_objectives_of


@dataclass(frozen=True, kw_only=True)
class FitResult:
    """What training came to; the ranker that was given now has the weights of the best epoch.

    Attributes:
        criterion: name of the value that chose the epoch.
        best_epoch: from 0.
        best_value: of the criterion.
        epochs: one row an epoch: ``epoch`` and every logged loss; NaN where nothing was known.
        stopped_early: whether patience ran out before ``max_epochs``.
        train_weights: how far each objective's training weights can be trusted.
        validation_weights: the same for validation.
        rows_per_second: rows that all processes trained on in a second, loading included, validation and
            checkpoints not; 0 where a resumed run had nothing left to do.
        targets: what became of outcomes that a head wanted otherwise than they were prepared, by objective.
        propensities: where the training window's propensities come from, and what checks them.
        unused_experts: experts that no gate used in the best epoch; see ``gates.unused_experts``.
        after_click: diagnostics of the predicted click as a propensity, in the best epoch, by objective and
            name; empty where no loss is estimated with it.
        environments: rows of the training window by environment; empty where nobody tells them apart.
    """

    criterion: str
    best_epoch: int
    best_value: float
    epochs: pd.DataFrame
    stopped_early: bool
    train_weights: dict[str, WeightDiagnostics]
    validation_weights: dict[str, WeightDiagnostics]
    rows_per_second: float
    targets: dict[str, TargetNotes] = field(default_factory=dict)
    propensities: PropensityNotes | None = None
    after_click: dict[str, dict[str, float]] = field(default_factory=dict)
    unused_experts: tuple[str, ...] = ()
    environments: dict[str, int] = field(default_factory=dict)


def fit(
    ranker: Ranker,
    train: EncodedWindow,
    validation: EncodedWindow,
    *,
    weighting: PropensityWeighting,
    balance: Balance,
    optimizer: OptimizerSettings,
    settings: TrainerSettings,
    seed: int,
    folder: Path,
    source: PropensitySource | None = None,
    estimator: LossEstimator | None = None,
    robust: RobustTraining | None = None,
    resume: bool = False,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    run_log: RunLog | None = None,
) -> FitResult:
    """Train a ranker in place, and leave it with the weights of its best epoch.

    The folder holds ``last.ckpt``, with which a stopped run goes on to the very bits that it would have
    reached, and ``best.ckpt``, a plain state dict of the ranker. Each is whole or absent at any moment.
    An epoch whose end was cut off by a kill is done again, with the same values.

    Args:
        ranker: with fresh weights, also where a run is resumed.
        train: rows to learn from.
        validation: rows to choose the epoch by.
        weighting: what a row counts; ``auto`` is decided by the training window and goes for both.
        balance: how the objectives' losses become one.
        optimizer: how weights move.
        settings: how long, on what, how safely.
        seed: of the order of the rows and of dropout.
        folder: where checkpoints go; made if absent.
        source: where the rows' propensities come from, fitted on the training window; the log by default.
        estimator: how losses of heads that are observed only after a click are told; means by default.
        robust: what makes the model hold elsewhere; by default training is plain.
        resume: go on from the folder's ``last.ckpt``, if there is one; else start anew and replace it.
        on_progress: called a few times a second.
        run_log: gets each epoch's losses, the epoch as the step; rewound to where this run starts.

    Raises:
        UserError: a window is empty, the criterion is unknown or cannot be judged, propensities are missing,
            a checkpoint is damaged or of another run, or training diverged.
        ValueError: the windows do not fit the ranker.
    """
    estimator = Naive() if estimator is None else estimator
    robust = RobustTraining() if robust is None else robust
    rows = _rows(
        ranker,
        train,
        validation,
        criterion=settings.criterion,
        weighting=weighting,
        source=source,
        estimator=estimator,
        robust=robust,
    )
    selection = Selection(settings.criterion, settings.patience)
    steps, environments = robust.steps(ranker, rows.weighed, estimator, settings, seed=seed)
    plan = _plan(ranker, rows, settings=settings, seed=seed) | _kinds(estimator, balance) | robust.plan()
    clear_checkpoints(folder, only_parts=resume)
    ranker.train()
    state = read_run_state(folder, plan) if resume else None
    if state is not None:
        selection.restore(state)
    if run_log is not None:
        run_log.rewind(len(selection.epochs))
    watch = Watch(selection, on_progress)
    if not (selection.exhausted or len(selection.epochs) >= settings.max_epochs):
        module = RankingModule(
            ranker,
            balance=balance,
            optimizer=optimizer,
            seed=seed,
            estimator=estimator,
            accumulate_batches=settings.accumulate_batches,
            robust=steps,
        )
        check_robust_loss(robust.loss, estimator, module.weighing.balancer)
        data = _data(rows, environments, batch_size=settings.batch_size, seed=seed)
        run_state = RunState(folder, plan=plan, selection=selection, settings=settings, watch=watch)
        callbacks = _callbacks(folder, run_state, GateWatch(steps.judged(ranker)), run_log)
        checkpoint = None if state is None else str(folder / LAST)
        run_lightning(module, data, settings, folder, callbacks=callbacks, checkpoint=checkpoint)
    ranker.load_state_dict(load_best(folder))
    ranker.eval()
    return _result(rows, selection, environments, settings=settings, watch=watch)


@dataclass(frozen=True, kw_only=True)
class _Rows:
    """Both windows with what their rows count, and where that comes from.

    Attributes:
        weighed: what is learned from.
        judged: what the epoch is chosen by.
        targets: what became of outcomes that a head wanted otherwise, by objective.
        notes: where the train window's propensities come from.
    """

    weighed: Weighed
    judged: Weighed
    targets: dict[str, TargetNotes]
    notes: PropensityNotes


def _rows(
    ranker: Ranker,
    train: EncodedWindow,
    validation: EncodedWindow,
    *,
    criterion: str,
    weighting: PropensityWeighting,
    source: PropensitySource | None,
    estimator: LossEstimator,
    robust: RobustTraining,
) -> _Rows:
    """Refuse what cannot be learned from, and weigh the rest."""
    train, validation = (with_objectives_of(ranker, window) for window in (train, validation))
    train, validation, targets = head_targets(train, validation, ranker.heads)
    check_criterion(criterion, objectives=ranker.objectives, known=known_rows(validation))
    check_heads(estimator, ranker.heads)
    fitted = fit_source(Logged() if source is None else source, train)
    weighting = weighting.resolved(fitted.on_train, train.known)
    check_one_propensity(estimator, fitted.on_train, weighting)
    return _Rows(
        notes=propensity_notes(train, fitted.on_train, weighting, fitted.notes),
        weighed=with_decay(weigh(train, fitted.on_train, weighting, ranker.heads), robust.recency),
        judged=weigh(validation, propensity_of(fitted, validation), weighting, ranker.heads),
        targets=targets,
    )


def _result(
    rows: _Rows,
    selection: Selection,
    environments: Environments | None,
    *,
    settings: TrainerSettings,
    watch: Watch,
) -> FitResult:
    return FitResult(
        criterion=settings.criterion,
        best_epoch=selection.best_epoch,
        best_value=selection.best_value,
        epochs=pd.DataFrame(selection.epochs).astype({"epoch": np.int64}),
        stopped_early=selection.exhausted and len(selection.epochs) < settings.max_epochs,
        train_weights=rows.weighed.trust,
        validation_weights=rows.judged.trust,
        rows_per_second=watch.rows_per_second,
        targets=rows.targets,
        propensities=rows.notes,
        after_click=of_best_epoch(selection),
        unused_experts=unused_in_best_epoch(selection),
        environments={} if environments is None else environments.by_name(),
    )


def _callbacks(
    folder: Path, run_state: RunState, gates: GateWatch, run_log: RunLog | None
) -> list[pl.Callback]:
    """What happens beside the steps, in order; an epoch's end comes last."""
    selection, watch = run_state.selection, run_state.watch
    epoch_end = EpochEnd(
        folder, selection=selection, run_state=run_state, run_log=run_log, watch=watch, gates=gates
    )
    return [watch, run_state, gates, epoch_end]


def _data(rows: _Rows, environments: Environments | None, *, batch_size: int, seed: int) -> WindowDataModule:
    return WindowDataModule(
        rows.weighed.window,
        rows.judged.window,
        train_weights=rows.weighed.weights,
        validation_weights=rows.judged.weights,
        batch_size=batch_size,
        seed=seed,
        environment=None if environments is None else environments.codes,
    )


def _plan(ranker: Ranker, rows: _Rows, *, settings: TrainerSettings, seed: int) -> Plan:
    return {
        "seed": seed,
        "criterion": settings.criterion,
        "batch_size": settings.batch_size,
        "precision": settings.precision,
        "processes": settings.devices * settings.num_nodes,
        **({} if settings.accumulate_batches == 1 else {"accumulate_batches": settings.accumulate_batches}),
        "train rows": len(rows.weighed.window),
        "validation rows": len(rows.judged.window),
        "objectives": list(ranker.objectives),
        "weights": sum(parameter.numel() for parameter in ranker.parameters()),
    }


def _kinds(estimator: LossEstimator, balance: Balance) -> Plan:
    """Whose state a checkpoint holds beside the model's: second towers, and what a balance learned."""
    kinds: Plan = {"estimator": type(estimator).__name__}
    if type(balance) is not StaticBalance:  # runs of before have no such entry, and were static
        kinds["balance"] = type(balance).__name__
    return kinds
