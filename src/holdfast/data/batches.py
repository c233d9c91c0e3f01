"""Batches gathered from columns, in an order that only the seed and the epoch decide.

N rows of a window, B rows of a batch, T objectives.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from holdfast.core.arrays import Floats, Ints
from holdfast.core.batch import Batch, Inputs
from holdfast.core.random import generator
from holdfast.data.encoded import Array, EncodedWindow


@dataclass(frozen=True, kw_only=True)
class BatchOrder:
    """Which rows make up which batch.

    The order depends on the seed and the epoch alone, not on what was drawn before: an interrupted epoch goes
    on at batch ``k`` with the very batches that it would have had. With several ranks, rank ``r`` takes every
    ``world_size``-th row from the ``r``-th on; all have the same number of batches, for which fewer than
    ``world_size`` rows may be left out of an epoch.

    Attributes:
        num_rows: N, at least 1.
        batch_size: most rows of a batch of one rank, at least 1.
        seed: of the shuffling.
        shuffle: whether each epoch has an order of its own; else rows come as they lie.
        drop_last: whether a last batch of fewer rows is left out.
        rank: which share this is, from 0.
        world_size: number of shares.
    """

    num_rows: int
    batch_size: int
    seed: int = 0
    shuffle: bool = True
    drop_last: bool = False
    rank: int = 0
    world_size: int = 1

    def __post_init__(self) -> None:
        for name in ("num_rows", "batch_size", "world_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1")
        if not 0 <= self.rank < self.world_size:
            raise ValueError(f"rank is {self.rank}; with world_size={self.world_size} it must be below that")
        if self.num_batches == 0:
            raise ValueError(
                f"{self.num_rows} rows over {self.world_size} ranks make no batch of {self.batch_size}; "
                "choose a smaller batch_size, or drop_last=False and fewer ranks"
            )

    @property
    def num_batches(self) -> int:
        """Batches an epoch, the same on every rank."""
        share = self.num_rows // self.world_size
        return share // self.batch_size if self.drop_last else -(-share // self.batch_size)

    def indices(self, epoch: int, start: int = 0) -> Iterator[Ints]:
        """The rows of each batch of an epoch, int64 ``[B]`` each, from batch ``start`` on."""
        if self.shuffle:
            rows = generator(self.seed, "batches", epoch).permutation(self.num_rows)
        else:
            rows = np.arange(self.num_rows)
        mine = rows[self.rank :: self.world_size]
        for batch in range(start, self.num_batches):
            yield np.ascontiguousarray(mine[batch * self.batch_size : (batch + 1) * self.batch_size])


class TensorColumns:
    """A window as tensors over the same memory, or the same file, as its arrays.

    Args:
        window: encoded rows; its arrays are shared, not copied, and never written to.
        weights: what each row counts in each objective's loss, float32 ``[N, T]``; ``window.spread`` if None.
        environment: code of each row's environment, int64 ``[N]``; None where nobody asks for it.

    Raises:
        ValueError: the weights have another shape than the outcomes.
    """

    def __init__(
        self, window: EncodedWindow, weights: Floats | None = None, environment: Ints | None = None
    ) -> None:
        weights = window.spread if weights is None else np.asarray(weights, dtype=np.float32)
        if weights.shape != window.value.shape:
            raise ValueError(
                f"weights have shape {weights.shape}, the outcomes of {window.name} {window.value.shape}"
            )
        self._environment = None if environment is None else torch.from_numpy(environment)
        self._columns: tuple[Tensor, ...] = tuple(
            _shared(array)
            for array in (
                window.categorical,
                window.numeric,
                window.content_seconds,
                window.value,
                window.event,
                window.known,
                weights,
                *window.lists,
            )
        )

    def __len__(self) -> int:
        return int(self._columns[0].shape[0])

    def gather(self, index: Ints | Tensor) -> Batch:
        """The rows at ``index``, int64 ``[B]``, column by column."""
        rows = index if isinstance(index, Tensor) else torch.from_numpy(index)
        batch = _batch([column.index_select(0, rows) for column in self._columns])
        if self._environment is None:
            return batch
        return replace(batch, environment=self._environment.index_select(0, rows))

    def slice(self, start: int, stop: int) -> Batch:
        """The rows from ``start`` to before ``stop``, without a copy and without environments."""
        return _batch([column[start:stop] for column in self._columns])


def _batch(columns: list[Tensor]) -> Batch:
    categorical, numeric, content_seconds, value, event, known, weight, *lists = columns
    return Batch(Inputs(categorical, numeric, tuple(lists), content_seconds), value, event, known, weight)


def _shared(array: Array) -> Tensor:
    with warnings.catch_warnings():
        # A mapped file is read-only, which a tensor cannot be; nothing here writes to one.
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(array)
