"""What a user may watch while a model trains."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytorch_lightning as pl

from holdfast.core.batch import Batch
from holdfast.training.selection import Selection

REPORT_EVERY_SECONDS = 0.25


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far training is.

    Attributes:
        epoch: the running epoch, from 0.
        num_epochs: the most there can be.
        batch: batches of the epoch done.
        num_batches: batches of an epoch.
        rows_per_second: rows that all processes trained on in a second, over the running epoch as far as
            this process saw it; without validation and checkpoints.
        criterion: name of the value that chooses the epoch.
        last_value: of the last epoch; NaN before the first ends.
        best_value: infinite before the first epoch ends.
        best_epoch: -1 before the first epoch ends.
        epoch_is_over: whether the epoch has been judged, so that the values are its own.
    """

    epoch: int
    num_epochs: int
    batch: int
    num_batches: int
    rows_per_second: float
    criterion: str
    last_value: float
    best_value: float
    best_epoch: int
    epoch_is_over: bool


class Watch(pl.Callback):
    """Times the training and tells how far it is, a few times a second and at each epoch's end."""

    def __init__(self, selection: Selection, on_progress: Callable[[Progress], None]) -> None:
        self.selection = selection
        self.on_progress = on_progress
        self.rows = 0
        self.seconds = 0.0
        self.epoch_rows = 0
        self.epoch_seconds = 0.0
        self.mark: float | None = None
        self.told_at = 0.0

    @property
    def rows_per_second(self) -> float:
        """Over everything that this process trained on so far; 0 before the first batch."""
        return self.rows / self.seconds if self.seconds > 0.0 else 0.0

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the clock before the first batch is fetched."""
        self.epoch_rows, self.epoch_seconds = 0, 0.0
        self.mark = time.perf_counter()

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Batch, batch_idx: int
    ) -> None:
        """In an epoch that is resumed in the middle, nothing told us that it started."""
        if self.mark is None:
            self.mark = time.perf_counter()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Batch, batch_idx: int
    ) -> None:
        """Count the batch's rows; the time until the next one is fetched belongs to that one."""
        now = time.perf_counter()
        assert self.mark is not None
        rows, seconds = len(batch) * trainer.world_size, now - self.mark
        self.rows, self.seconds = self.rows + rows, self.seconds + seconds
        self.epoch_rows, self.epoch_seconds = self.epoch_rows + rows, self.epoch_seconds + seconds
        self.mark = now
        if now - self.told_at >= REPORT_EVERY_SECONDS:
            self.tell(trainer, epoch=trainer.current_epoch, batch=batch_idx + 1)

    def pause(self) -> None:
        """Leave out the time since the last batch: something else was done in it."""
        self.mark = time.perf_counter()

    def tell(self, trainer: pl.Trainer, *, epoch: int, batch: int, is_over: bool = False) -> None:
        """Tell how far training is."""
        self.told_at = time.perf_counter()
        if not trainer.is_global_zero:
            return
        self.on_progress(
            Progress(
                epoch=epoch,
                num_epochs=trainer.max_epochs or 0,
                batch=batch,
                num_batches=int(trainer.num_training_batches),
                rows_per_second=self.epoch_rows / self.epoch_seconds if self.epoch_seconds > 0.0 else 0.0,
                criterion=self.selection.criterion,
                last_value=self.selection.last_value,
                best_value=self.selection.best_value,
                best_epoch=self.selection.best_epoch,
                epoch_is_over=is_over,
            )
        )
