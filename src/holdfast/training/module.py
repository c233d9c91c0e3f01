"""One step of training and of validation, as Lightning wants it.

B rows, T objectives.
"""

from __future__ import annotations

import math
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.optim import Optimizer

from holdfast.core.batch import Batch
from holdfast.core.random import derive_seed
from holdfast.models.ranker import Ranker
from holdfast.objectives.balancing import StaticBalance
from holdfast.objectives.losses import weighted_mean_loss
from holdfast.training.optimizers import build_optimizers
from holdfast.training.settings import OptimizerSettings

CHECKPOINT_KEY = "holdfast_loss_sums"


class RankingModule(pl.LightningModule):
    """Trains a ranker on the balanced sum of its heads' weighted losses.

    Two optimisers step by hand, because Lightning automates only one. Sums of losses stay on the device until
    the epoch ends, so no step waits for a number.

    Args:
        ranker: what is trained, in place.
        balance: how the objectives' losses become one.
        optimizer: how weights move.
        seed: with the epoch, the batch and the process, decides what dropout draws.
    """

    def __init__(
        self, ranker: Ranker, *, balance: StaticBalance, optimizer: OptimizerSettings, seed: int
    ) -> None:
        super().__init__()
        self.automatic_optimization = False
        # On processes that have fewer batches, validation has nothing to do for a while.
        self.allow_zero_length_dataloader_with_multiple_devices = True
        balance.check(ranker.objectives)
        self.ranker = ranker
        self.balance = balance
        self.optimizer_settings = optimizer
        self.seed = seed
        # Weighted losses and known rows, by objective, of the running epoch on this process: [2, T].
        self.sums = {stage: self._zeros() for stage in ("train", "validation")}

    def configure_optimizers(self) -> list[Optimizer]:
        """The dense optimiser and, where needed, the sparse one."""
        return build_optimizers(self.ranker, self.optimizer_settings)

    def transfer_batch_to_device(self, batch: Batch, device: torch.device, dataloader_idx: int) -> Batch:
        """Move a batch without waiting for it."""
        return batch if device.type == "cpu" else batch.to(device, non_blocking=True)

    def on_train_epoch_start(self) -> None:
        """Forget the sums of the epoch before; not called where a run goes on in the middle of an epoch."""
        self.sums["train"] = self._zeros()

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        """Reseed, so that what a step draws depends on its place and not on what came before."""
        torch.manual_seed(derive_seed(self.seed, "step", self.current_epoch, batch_idx, self.global_rank))

    def training_step(self, batch: Batch, batch_idx: int) -> None:
        """One step of all optimisers."""
        losses_BT = self._row_losses(batch)
        self._add("train", losses_BT.detach(), batch)
        losses_T = weighted_mean_loss(
            losses_BT,
            weight=batch.weight,
            where=batch.known,
            reduce_sum=self._reduce_sum,
            num_processes=self.trainer.world_size,
        )
        loss = self.balance.combine(dict(zip(self.ranker.objectives, losses_T.unbind(), strict=True)))
        optimizers = self.optimizers()
        optimizers = optimizers if isinstance(optimizers, list) else [optimizers]
        for optimizer in optimizers:
            optimizer.zero_grad()
        self.manual_backward(loss)
        if self.optimizer_settings.gradient_clip is not None:
            # Embeddings are left alone: their sparse gradients would have to be merged twice, and their
            # optimiser scales each weight's step already.
            torch.nn.utils.clip_grad_norm_(
                self.ranker.dense_parameters(), self.optimizer_settings.gradient_clip
            )
        for optimizer in optimizers:
            optimizer.step()

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Add a slice of the validation window to the sums."""
        self._add("validation", self._row_losses(batch), batch)

    def on_validation_epoch_start(self) -> None:
        """Forget the sums of the epoch before."""
        self.sums["validation"] = self._zeros()

    def epoch_losses(self, stage: str) -> dict[str, float]:
        """Mean losses of the running epoch over all processes, ``{stage}/loss`` and one an objective.

        Every process must call this, and gets the same. The value of an objective of which nothing is known
        is NaN, and ``{stage}/loss`` balances the others; it is NaN where there are none.
        """
        totals, counts = self._reduce_sum(self.sums[stage]).cpu()
        losses = {
            objective: totals[index] / counts[index] if counts[index] > 0 else torch.tensor(math.nan)
            for index, objective in enumerate(self.ranker.objectives)
        }
        known = {objective: loss for objective, loss in losses.items() if not loss.isnan()}
        logged = {f"{stage}/loss": float(self.balance.combine(known)) if known else math.nan}
        logged.update({f"{stage}/{objective}/loss": float(loss) for objective, loss in losses.items()})
        return logged

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the running epoch's sums of every process, ``[R, 2, T]``."""
        gathered = self.all_gather(self.sums["train"])
        assert isinstance(gathered, Tensor)
        checkpoint[CHECKPOINT_KEY] = gathered.reshape(-1, 2, len(self.ranker.objectives)).cpu()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take this process's sums back."""
        self.sums["train"] = checkpoint[CHECKPOINT_KEY][self.global_rank]

    def _row_losses(self, batch: Batch) -> Tensor:
        parameters = self.ranker(batch.inputs)
        return torch.stack(
            [
                head.negative_log_likelihood(parameters[objective], batch.outcome(index))
                for index, (objective, head) in enumerate(self.ranker.heads.items())
            ],
            dim=1,
        )

    def _add(self, stage: str, losses_BT: Tensor, batch: Batch) -> None:
        weighted_BT = losses_BT * batch.weight.masked_fill(~batch.known, 0.0)
        sums = torch.stack([weighted_BT.sum(0, dtype=torch.float64), batch.known.sum(0, dtype=torch.float64)])
        self.sums[stage] = self.sums[stage].to(sums.device) + sums

    def _reduce_sum(self, tensor: Tensor) -> Tensor:
        if self.trainer.world_size == 1:
            return tensor
        # A copy, because the reduction is in place.
        reduced = self.trainer.strategy.reduce(tensor.to(self.device, copy=True), reduce_op="sum")
        assert isinstance(reduced, Tensor)
        return reduced

    def _zeros(self) -> Tensor:
        return torch.zeros(2, len(self.ranker.objectives), dtype=torch.float64)
