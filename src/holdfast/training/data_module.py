"""Windows in memory as Lightning wants them: batches by index, in an order that seed and epoch decide."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytorch_lightning as pl
from torch.utils.data import DataLoader, Dataset, Sampler

from holdfast.core.arrays import Floats, Ints
from holdfast.core.batch import Batch
from holdfast.core.errors import UserError
from holdfast.data.batches import BatchOrder, TensorColumns
from holdfast.data.encoded import EncodedWindow

VALIDATION_BATCH = 8192


class BatchSampler(Sampler[Ints]):
    """Row indices of one batch after another, from any place of any epoch.

    Lightning calls ``set_epoch`` before each epoch, but makes the first iterator earlier: a resumed run must
    set the place itself before training starts.
    """

    def __init__(self, order: BatchOrder) -> None:
        self.order = order
        self.epoch = 0
        self.start = 0

    def set_epoch(self, epoch: int) -> None:
        """Go to the start of an epoch; stay where we are if it is the one that we are in."""
        if epoch != self.epoch:
            self.epoch, self.start = epoch, 0

    def __iter__(self) -> Iterator[Ints]:
        """Indices of each remaining batch of the epoch."""
        return iter(self.order.indices(self.epoch, self.start))

    def __len__(self) -> int:
        """Batches of a whole epoch: Lightning counts those that an earlier process has done as well."""
        return self.order.num_batches


class ColumnDataset(Dataset[Batch]):
    """Whole batches out of columns."""

    def __init__(self, columns: TensorColumns) -> None:
        self.columns = columns

    def __getitem__(self, index: Ints) -> Batch:
        return self.columns.gather(index)


class SliceDataset(Dataset[Batch]):
    """Consecutive slices of columns, every ``world_size``-th of them."""

    def __init__(self, columns: TensorColumns, *, size: int, rank: int, world_size: int) -> None:
        self.columns = columns
        self.size = size
        self.starts = range(rank * size, len(columns), world_size * size)

    def __len__(self) -> int:
        return len(self.starts)

    def __getitem__(self, index: int) -> Batch:
        start = self.starts[index]
        return self.columns.slice(start, min(start + self.size, len(self.columns)))


class WindowDataModule(pl.LightningDataModule):
    """The training and the validation window, and how far into the training window a run is.

    Args:
        train: window to train on.
        validation: window to choose the epoch by.
        train_weights: what each training row counts in each objective, float32 ``[N, T]``.
        validation_weights: the same for validation.
        batch_size: rows that one step sees on all processes together.
        seed: with the epoch, decides the order of the rows.
        environment: code of each training row's environment, int64 ``[N]``; None where nobody asks for it.
    """

    def __init__(
        self,
        train: EncodedWindow,
        validation: EncodedWindow,
        *,
        train_weights: Floats,
        validation_weights: Floats,
        batch_size: int,
        seed: int,
        environment: Ints | None = None,
    ) -> None:
        super().__init__()
        self.train = TensorColumns(train, train_weights, environment)
        self.validation = TensorColumns(validation, validation_weights)
        self.batch_size = batch_size
        self.seed = seed
        self.epoch = 0
        self.batches_done = 0

    def train_dataloader(self) -> DataLoader[Batch]:
        """Shuffled batches from where the run is."""
        rank, world_size = self._place()
        if self.batch_size % world_size:
            raise UserError(
                f"trainer.batch_size is {self.batch_size}, which {world_size} processes cannot share evenly; "
                f"make it a multiple of {world_size}"
            )
        order = BatchOrder(
            num_rows=len(self.train),
            batch_size=self.batch_size // world_size,
            seed=self.seed,
            shuffle=True,
            drop_last=False,
            rank=rank,
            world_size=world_size,
        )
        sampler = BatchSampler(order)
        sampler.epoch, sampler.start = self.epoch, self.batches_done
        # No workers: a batch is one gather from memory, cheaper than sending it between processes.
        return DataLoader(
            ColumnDataset(self.train), batch_size=None, sampler=sampler, num_workers=0, collate_fn=_as_it_is
        )

    def val_dataloader(self) -> DataLoader[Batch]:
        """Large slices in order."""
        rank, world_size = self._place()
        slices = SliceDataset(self.validation, size=VALIDATION_BATCH, rank=rank, world_size=world_size)
        return DataLoader(slices, batch_size=None, num_workers=0, collate_fn=_as_it_is)

    def state_dict(self) -> dict[str, Any]:
        """Where the run is, as last noted."""
        return {"epoch": self.epoch, "batches_done": self.batches_done}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go there; before ``train_dataloader``."""
        self.epoch, self.batches_done = state_dict["epoch"], state_dict["batches_done"]

    def note_position(self, epoch: int, batches_done: int) -> None:
        """Say where the run is, right before a checkpoint is written."""
        self.epoch, self.batches_done = epoch, batches_done

    def _place(self) -> tuple[int, int]:
        trainer = self.trainer
        return (0, 1) if trainer is None else (trainer.global_rank, trainer.world_size)


def _as_it_is(batch: Any) -> Any:
    return batch


def known_rows(window: EncodedWindow) -> dict[str, int]:
    """Rows whose outcome is known, by objective."""
    return {
        objective: int(np.asarray(window.known[:, index]).sum())
        for index, objective in enumerate(window.objectives)
    }
