"""Checkpoints that are whole or absent, and what they must agree with."""

from __future__ import annotations

import shutil
import time
import zipfile
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.plugins.io import TorchCheckpointIO
from torch import Tensor

from holdfast.core.batch import Batch
from holdfast.core.errors import UserError
from holdfast.core.files import whole_file
from holdfast.training.data_module import WindowDataModule
from holdfast.training.progress import Watch
from holdfast.training.selection import Selection
from holdfast.training.settings import TrainerSettings

LAST = "last.ckpt"
BEST = "best.ckpt"
RUN_KEY = "holdfast_run"

Plan = dict[str, int | str | list[str]]
"""What a run was started with and may not change while it is resumed."""


class WholeCheckpointIO(TorchCheckpointIO):
    """Lightning's checkpoints written aside, then renamed: a kill leaves the old one or the new one."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None
    ) -> None:
        """Write one checkpoint."""
        with whole_file(Path(path)) as temporary:
            torch.save(checkpoint, temporary)


class RunState(pl.Callback):
    """Writes ``last.ckpt``, at each epoch's end and in between, with all that a resumed run needs.

    Args:
        folder: where the checkpoints lie.
        plan: what a resumed run must agree with.
        selection: the epochs so far; saved and restored here.
        settings: how often to write.
        watch: whose clock stands still meanwhile.
    """

    def __init__(
        self, folder: Path, *, plan: Plan, selection: Selection, settings: TrainerSettings, watch: Watch
    ) -> None:
        self.path = folder / LAST
        self.watch = watch
        self.plan = plan
        self.selection = selection
        self.every_seconds = settings.checkpoint_every_seconds
        self.every_batches = settings.checkpoint_every_batches
        self.group = settings.accumulate_batches
        self.written_at = time.monotonic()
        self.write_seconds = 0.0

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Add the plan and the epochs so far."""
        checkpoint[RUN_KEY] = {"plan": self.plan, "selection": self.selection.state()}

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Batch, batch_idx: int
    ) -> None:
        """Write a checkpoint when it is time, except after the last batch: the epoch's own follows soon."""
        done = batch_idx + 1
        if done < trainer.num_training_batches and self._is_time(trainer, done):
            self.write(trainer, epoch=trainer.current_epoch, batches_done=done)
            self.watch.pause()

    def write(self, trainer: pl.Trainer, *, epoch: int, batches_done: int) -> None:
        """Write ``last.ckpt``; every process must call this."""
        started = time.monotonic()
        data_module = trainer.datamodule  # type: ignore[attr-defined]
        assert isinstance(data_module, WindowDataModule)
        data_module.note_position(epoch, batches_done)
        trainer.save_checkpoint(self.path)
        self.written_at = time.monotonic()
        self.write_seconds = self.written_at - started

    def _is_time(self, trainer: pl.Trainer, done: int) -> bool:
        if done % self.group:
            return False  # gradients that wait for their step are in no checkpoint
        if self.every_batches is not None and self._passes(done, self.every_batches):
            return True
        if self.every_seconds is None:
            return False
        # Large tables take long to write: never spend more than about a tenth of the time on it.
        due = time.monotonic() - self.written_at >= max(self.every_seconds, 10.0 * self.write_seconds)
        if trainer.world_size == 1:
            return due
        # Writing is a joint act, so the processes must agree; asking each other has a price.
        return self._passes(done, 32) and bool(trainer.strategy.broadcast(due))

    def _passes(self, done: int, every: int) -> bool:
        """Whether a multiple of so many batches lies in the group that just ended."""
        return done // every > (done - self.group) // every


def save_best(trainer: pl.Trainer, weights: dict[str, Tensor], folder: Path) -> None:
    """Write the weights as a plain state dict, from one process."""
    if trainer.is_global_zero:
        save_weights(weights, folder)


def save_weights(weights: dict[str, Tensor], folder: Path) -> None:
    """Write weights as ``load_best`` reads them, whole or not at all."""
    with whole_file(folder / BEST) as temporary:
        torch.save(weights, temporary)


def load_best(folder: Path) -> dict[str, Tensor]:
    """The weights of the best epoch, on the CPU.

    Raises:
        UserError: the file is missing or damaged.
    """
    return _load_whole(folder / BEST)


def read_run_state(folder: Path, plan: Plan) -> dict[str, Any] | None:
    """The state of the epochs in ``last.ckpt``; None where there is none.

    Raises:
        UserError: the file is damaged, or belongs to a run with another plan.
    """
    path = folder / LAST
    if not path.exists():
        return None
    checkpoint = _load_whole(path)
    run = checkpoint.get(RUN_KEY)
    if not isinstance(run, dict):
        raise UserError(f"{path} is no checkpoint of a run; {_FRESH_START}")
    differing = {
        key: (run["plan"].get(key), plan.get(key))
        for key in sorted({*plan, *run["plan"]})
        if run["plan"].get(key) != plan.get(key)
    }
    if differing:
        told = ", ".join(f"{key} was {was!r} and is {now!r}" for key, (was, now) in differing.items())
        raise UserError(f"{path} was written by a run that differs from this one: {told}; {_FRESH_START}")
    state: dict[str, Any] = run["selection"]
    return state


def clear_checkpoints(folder: Path, *, only_parts: bool) -> None:
    """Remove what a killed run left half-written, and unless ``only_parts`` its checkpoints too."""
    patterns = [f".{name}.part-*" for name in (LAST, BEST)]
    if not only_parts:
        patterns += [LAST, BEST]
    for pattern in patterns:
        for path in folder.glob(pattern):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)


_FRESH_START = "start again with resume=false, or name another run folder"


def _load_whole(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise UserError(f"{path} is missing; {_FRESH_START}")
    try:
        # torch does not compare the checksums that it writes.
        with zipfile.ZipFile(path) as archive:
            broken = archive.testzip()
        if broken is not None:
            raise UserError(f"{path} is damaged: {broken} fails its checksum; {_FRESH_START}")
        loaded: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except UserError:
        raise
    except Exception as error:  # a damaged file may raise nearly anything
        raise UserError(f"{path} is damaged and cannot be read ({error}); {_FRESH_START}") from error
    return loaded
