"""Training from windows to the weights of the best epoch, from the start or from where a run was stopped."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytorch_lightning as pl

from holdfast.core.errors import UserError
from holdfast.core.features import InputSchema
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
from holdfast.training.selection import Selection, check_criterion
from holdfast.training.settings import OptimizerSettings, TrainerSettings
from holdfast.training.targets import TargetNotes, head_targets


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
        resume: go on from the folder's ``last.ckpt``, if there is one; else start anew and replace it.
        on_progress: called a few times a second.
        run_log: gets each epoch's losses, the epoch as the step; rewound to where this run starts.

    Raises:
        UserError: a window is empty, the criterion is unknown or cannot be judged, propensities are missing,
            a checkpoint is damaged or of another run, or training diverged.
        ValueError: the windows do not fit the ranker.
    """
    train, validation = (_prepare(window, ranker) for window in (train, validation))
    train, validation, targets = head_targets(train, validation, ranker.heads)
    check_criterion(settings.criterion, objectives=ranker.objectives, known=known_rows(validation))
    selection = Selection(settings.criterion, settings.patience)
    estimator = Naive() if estimator is None else estimator
    check_heads(estimator, ranker.heads)
    weighed, judged, notes = _weigh(train, validation, ranker, weighting, source, estimator)
    plan = _plan(ranker, train, validation, settings=settings, seed=seed)
    plan["estimator"] = type(estimator).__name__  # a checkpoint holds its second towers
    if type(balance) is not StaticBalance:  # runs of before have no such entry, and were static
        plan["balance"] = type(balance).__name__  # and what it learned
    clear_checkpoints(folder, only_parts=resume)
    ranker.train()
    state = read_run_state(folder, plan) if resume else None
    if state is not None:
        selection.restore(state)
    if run_log is not None:
        run_log.rewind(len(selection.epochs))
    watch = Watch(selection, on_progress)
    if not (selection.exhausted or len(selection.epochs) >= settings.max_epochs):
        run_state = RunState(folder, plan=plan, selection=selection, settings=settings, watch=watch)
        gates = GateWatch(ranker)
        epoch_end = EpochEnd(
            folder, selection=selection, run_state=run_state, run_log=run_log, watch=watch, gates=gates
        )
        data = WindowDataModule(
            weighed.window,
            judged.window,
            train_weights=weighed.weights,
            validation_weights=judged.weights,
            batch_size=settings.batch_size,
            seed=seed,
        )
        module = RankingModule(
            ranker,
            balance=balance,
            optimizer=optimizer,
            seed=seed,
            estimator=estimator,
            accumulate_batches=settings.accumulate_batches,
        )
        checkpoint = None if state is None else str(folder / LAST)
        callbacks: list[pl.Callback] = [watch, run_state, gates, epoch_end]
        run_lightning(module, data, settings, folder, callbacks=callbacks, checkpoint=checkpoint)
    ranker.load_state_dict(load_best(folder))
    ranker.eval()
    return FitResult(
        criterion=settings.criterion,
        best_epoch=selection.best_epoch,
        best_value=selection.best_value,
        epochs=_table(selection),
        stopped_early=selection.exhausted and len(selection.epochs) < settings.max_epochs,
        train_weights=weighed.trust,
        validation_weights=judged.trust,
        rows_per_second=watch.rows_per_second,
        targets=targets,
        propensities=notes,
        after_click=of_best_epoch(selection),
        unused_experts=unused_in_best_epoch(selection),
    )


def _weigh(
    train: EncodedWindow,
    validation: EncodedWindow,
    ranker: Ranker,
    weighting: PropensityWeighting,
    source: PropensitySource | None,
    estimator: LossEstimator,
) -> tuple[Weighed, Weighed, PropensityNotes]:
    """Both windows with what their rows count, and where that comes from."""
    fitted = fit_source(Logged() if source is None else source, train)
    weighting = weighting.resolved(fitted.on_train, train.known)
    check_one_propensity(estimator, fitted.on_train, weighting)
    notes = propensity_notes(train, fitted.on_train, weighting, fitted.notes)
    weighed = weigh(train, fitted.on_train, weighting, ranker.heads)
    return weighed, weigh(validation, propensity_of(fitted, validation), weighting, ranker.heads), notes


def check_window(schema: InputSchema, window: EncodedWindow) -> None:
    """Raise a ``ValueError`` where a window was not encoded for a schema.

    All vocabularies share one table, so an id beyond its own would quietly read another's row.
    """
    asked = (len(schema.categorical), len(schema.numeric), tuple(each.max_length for each in schema.lists))
    given = (
        window.categorical.shape[1],
        window.numeric.shape[1],
        tuple(each.shape[1] for each in window.lists),
    )
    if asked != given:
        raise ValueError(
            f"window {window.name!r} has (categorical, numeric, list lengths) {given}, "
            f"and the model wants {asked}"
        )
    columns = dict(zip(schema.categorical, window.categorical.T, strict=True))
    columns.update({each.name: ids for each, ids in zip(schema.lists, window.lists, strict=True)})
    for name, ids in columns.items():
        rows = schema.num_rows[schema.vocabulary_of[name]]
        if ids.size and not 0 <= int(ids.min()) <= int(ids.max()) < rows:
            raise ValueError(
                f"window {window.name!r}: ids of {name!r} run from {ids.min()} to {ids.max()}, but its "
                f"vocabulary has rows 0 to {rows - 1}; encode the window with the model's own encoder"
            )


def _prepare(window: EncodedWindow, ranker: Ranker) -> EncodedWindow:
    """The window with the ranker's objectives, in its order."""
    if len(window) == 0:
        raise UserError(f"the {window.name} window holds no row; change split.* or bring a longer log")
    check_window(ranker.schema, window)
    missing = [name for name in ranker.objectives if name not in window.objectives]
    if missing:
        raise UserError(
            f"the model has heads for {missing}, but the log's outcomes are {list(window.objectives)}; "
            "remove those heads, or name the outcomes on the dataset card"
        )
    if tuple(window.objectives) == ranker.objectives:
        return window
    columns = [window.index_of(name) for name in ranker.objectives]
    narrowed: dict[str, Any] = {
        name: np.ascontiguousarray(getattr(window, name)[:, columns])
        for name in ("value", "event", "known", "spread")
    }
    return replace(window, objectives=tuple(window.objectives[index] for index in columns), **narrowed)


def _plan(
    ranker: Ranker, train: EncodedWindow, validation: EncodedWindow, *, settings: TrainerSettings, seed: int
) -> Plan:
    return {
        "seed": seed,
        "criterion": settings.criterion,
        "batch_size": settings.batch_size,
        "precision": settings.precision,
        "processes": settings.devices * settings.num_nodes,
        **({} if settings.accumulate_batches == 1 else {"accumulate_batches": settings.accumulate_batches}),
        "train rows": len(train),
        "validation rows": len(validation),
        "objectives": list(ranker.objectives),
        "weights": sum(parameter.numel() for parameter in ranker.parameters()),
    }


def _table(selection: Selection) -> pd.DataFrame:
    table = pd.DataFrame(selection.epochs)
    return table.astype({"epoch": np.int64})
