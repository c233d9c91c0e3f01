"""What a user may set about training."""

from __future__ import annotations

import math
from dataclasses import dataclass

PRECISIONS = ("32-true", "bf16-mixed")
ACCELERATORS = ("auto", "cpu", "gpu")
# Strategies that fork or spawn would train in processes that this one cannot look into.
STRATEGIES = ("auto", "ddp")
SPARSE_OPTIMIZERS = ("rowwise_adagrad", "adagrad", "adam")


@dataclass(frozen=True, kw_only=True)
class OptimizerSettings:
    """How weights move: AdamW for the dense ones, an optimiser that touches only seen rows for embeddings.

    Attributes:
        learning_rate: of the dense weights, > 0.
        weight_decay: of the dense weights except biases, >= 0.
        gradient_clip: largest norm of the dense weights' gradient, > 0; None for no limit.
        embedding_optimizer: ``rowwise_adagrad`` (one number of state a row, the fastest on large tables),
            ``adagrad`` (one a weight) or ``adam`` (two a weight). All leave rows alone that a batch does not
            touch; Adagrad also those that it touches with a zero gradient.
        embedding_learning_rate: > 0. A larger one than that of the dense weights learns single ids by heart:
            on the embedded world return predictions then fall behind recency and frequency alone.
    """

    learning_rate: float = 0.001
    weight_decay: float = 0.0001
    gradient_clip: float | None = 5.0
    embedding_optimizer: str = "rowwise_adagrad"
    embedding_learning_rate: float = 0.001

    def __post_init__(self) -> None:
        for name in ("learning_rate", "embedding_learning_rate", "gradient_clip"):
            value = getattr(self, name)
            if value is not None and not 0.0 < value < math.inf:
                raise ValueError(f"{name} is {value}; it must be above 0 and finite")
        if not 0.0 <= self.weight_decay < math.inf:
            raise ValueError(f"weight_decay is {self.weight_decay}; it must be finite and at least 0")
        if self.embedding_optimizer not in SPARSE_OPTIMIZERS:
            raise ValueError(
                f"embedding_optimizer is {self.embedding_optimizer!r}; choose from {list(SPARSE_OPTIMIZERS)}"
            )


@dataclass(frozen=True, kw_only=True)
class TrainerSettings:
    """How long, on what, and how safely.

    Attributes:
        max_epochs: at least 1.
        batch_size: rows that one step sees on all processes together, at least 1.
        accumulate_batches: batches whose gradients are averaged into one step, at least 1. Memory is that of
            one batch; each counts the same, however many of its outcomes are known. The last step of an epoch
            has what is left.
        patience: epochs without a better criterion after which training stops, at least 1.
        criterion: the logged value that chooses the epoch, smaller is better: ``validation/loss`` or one
            objective's, such as ``validation/click/loss``.
        precision: ``32-true`` or ``bf16-mixed``.
        accelerator: ``auto``, ``cpu`` or ``gpu``.
        devices: processes on each machine, one a device, at least 1.
        num_nodes: machines, at least 1.
        strategy: how they work together: ``ddp``, or ``auto`` for one process or Lightning's choice.
        deterministic: whether the same seed gives the same bits; slower on a GPU.
        checkpoint_every_seconds: how often an epoch is saved before its end, > 0; None for only at its end.
        checkpoint_every_batches: the same in batches; None for by time alone.
    """

    max_epochs: int = 8
    batch_size: int = 2048
    accumulate_batches: int = 1
    patience: int = 2
    criterion: str = "validation/loss"
    precision: str = "32-true"
    accelerator: str = "auto"
    devices: int = 1
    num_nodes: int = 1
    strategy: str = "auto"
    deterministic: bool = True
    checkpoint_every_seconds: float | None = 30.0
    checkpoint_every_batches: int | None = None

    def __post_init__(self) -> None:
        for name in ("max_epochs", "batch_size", "accumulate_batches", "patience", "devices", "num_nodes"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1")
        for name, choices in (("accelerator", ACCELERATORS), ("strategy", STRATEGIES)):
            if getattr(self, name) not in choices:
                raise ValueError(f"{name} is {getattr(self, name)!r}; choose from {list(choices)}")
        if self.precision not in PRECISIONS:
            # Half precision needs one gradient scale for two optimisers; bfloat16 needs none.
            raise ValueError(f"precision is {self.precision!r}; choose from {list(PRECISIONS)}")
        for name in ("checkpoint_every_seconds", "checkpoint_every_batches"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ValueError(f"{name} is {value}; it must be above 0, or null for only at an epoch's end")
