"""Lightning without its small talk."""

from __future__ import annotations

import contextlib
import logging
import os
import warnings
from collections.abc import Iterator

import torch

_NOT_FOR_THE_USER = (
    # Batches are gathered from memory; workers would only copy them.
    "The '.*_dataloader' does not have many workers",
    # Ours is resumable, in a way that Lightning does not know.
    "You're resuming from a checkpoint that ended before the epoch ended",
    # About Lightning's own logging, which we do not use.
    "You have overridden `transfer_batch_to_device`",
    "Total length of `DataLoader` across ranks is zero",
    # torch's Adagrad builds a sparse tensor; its indices come from the gradient and are in range.
    "Sparse invariant checks are implicitly disabled",
    # Deprecations inside Lightning that its user cannot act on.
    "torch.distributed.nn.functional.all_gather is deprecated",
    "`isinstance\\(treespec, LeafSpec\\)` is deprecated",
)


@contextlib.contextmanager
def quiet_lightning() -> Iterator[None]:
    """Silence what does not concern the user of a run, and only that."""
    loggers = [logging.getLogger(name) for name in ("pytorch_lightning", "lightning_fabric")]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        for message in _NOT_FOR_THE_USER:
            warnings.filterwarnings("ignore", message=message)
        for logger in loggers:
            logger.setLevel(logging.WARNING)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)


@contextlib.contextmanager
def environment_kept() -> Iterator[None]:
    """Take back what Lightning tells the processes that it starts: the next training would wait for them."""
    names = ("LOCAL_RANK", "NODE_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
    before = {name: os.environ.get(name) for name in names}
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextlib.contextmanager
def torch_state_kept() -> Iterator[None]:
    """Leave torch's random state and its determinism switches as they were found."""
    deterministic = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    fill = torch.utils.deterministic.fill_uninitialized_memory  # type: ignore[attr-defined]
    # Costs time, and nothing here reads memory that it did not write.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    try:
        with torch.random.fork_rng():
            yield
    finally:
        torch.utils.deterministic.fill_uninitialized_memory = fill  # type: ignore[attr-defined]
        torch.use_deterministic_algorithms(deterministic, warn_only=warn_only)
