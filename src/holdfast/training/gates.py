"""What a model's gates take of its experts, epoch by epoch.

B rows, E experts.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from holdfast.core.batch import Batch, Inputs
from holdfast.core.gates import ENTROPY, PREFIX, Gated, unused_experts
from holdfast.models.gating import normalised_entropy
from holdfast.models.ranker import Ranker
from holdfast.training.data_module import WindowDataModule
from holdfast.training.selection import Selection

MOST_ROWS = 16384
"""About how many rows of the validation window are looked at: every n-th, where it holds more."""


class GateWatch(pl.Callback):
    """Looks at the gates on a sample of the validation window, spread evenly over it.

    The sample is the same in every epoch and for any number of processes. A model without gates costs
    nothing.
    """

    def __init__(self, ranker: Ranker) -> None:
        self.ranker = ranker
        mixture = ranker.mixture
        self.gated: Gated | None = mixture if isinstance(mixture, Gated) and mixture.gate_experts else None
        self.sums = self._zeros()

    def on_validation_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Forget the epoch before."""
        self.sums = self._zeros()

    @torch.no_grad()
    def on_validation_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Batch,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Look at a few rows of a slice of the validation window."""
        if self.gated is None:
            return
        data = trainer.datamodule  # type: ignore[attr-defined]
        assert isinstance(data, WindowDataModule)
        step = math.ceil(len(data.validation) / MOST_ROWS)
        representation = self.ranker.embed(_every(batch.inputs, step))
        found = [
            sum_of
            for weights_BE in self.gated.gate_weights(representation).values()
            for sum_of in (weights_BE.double().sum(0), normalised_entropy(weights_BE.double()).sum(0, True))
        ]
        rows = torch.full(
            (1,), len(representation.shared), dtype=torch.float64, device=representation.shared.device
        )
        self.sums = self.sums.to(rows.device) + torch.cat([rows, *found])

    def epoch_gates(self, trainer: pl.Trainer) -> dict[str, float]:
        """The mean weight of each expert in each gate, and the gate's mean entropy, in [0, 1].

        Every process must call this, and gets the same. Named ``gates/GATE/EXPERT`` and
        ``gates/GATE/entropy``; empty for a model without gates.
        """
        if self.gated is None:
            return {}
        names = [
            f"{PREFIX}/{gate}/{name}"
            for gate, experts in self.gated.gate_experts.items()
            for name in (*experts, ENTROPY)
        ]
        together = self.sums
        if trainer.world_size > 1:
            # A copy, because the reduction is in place.
            reduced = trainer.strategy.reduce(
                together.to(trainer.strategy.root_device, copy=True), reduce_op="sum"
            )
            assert isinstance(reduced, Tensor)
            together = reduced
        rows, *sums = together.tolist()
        return {
            name: total / rows if rows > 0.0 else math.nan for name, total in zip(names, sums, strict=True)
        }

    def _zeros(self) -> Tensor:
        gates = {} if self.gated is None else self.gated.gate_experts
        return torch.zeros(1 + sum(len(experts) + 1 for experts in gates.values()), dtype=torch.float64)


def unused_in_best_epoch(selection: Selection) -> tuple[str, ...]:
    """Experts that nobody used in the epoch whose weights were kept."""
    best: Mapping[str, float] = next(
        (each for each in selection.epochs if each["epoch"] == selection.best_epoch), {}
    )
    return unused_experts(best)


def _every(inputs: Inputs, step: int) -> Inputs:
    return Inputs(
        inputs.categorical[::step],
        inputs.numeric[::step],
        tuple(each[::step] for each in inputs.lists),
        inputs.content_seconds[::step],
    )
