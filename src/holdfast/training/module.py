"""One step of training and of validation, as Lightning wants it.

B rows, T objectives.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.optim import Optimizer

from holdfast.core.batch import Batch
from holdfast.core.random import derive_seed
from holdfast.models.ranker import Ranker
from holdfast.objectives.balancing.balance import Balance
from holdfast.objectives.estimators.naive import Naive
from holdfast.objectives.estimators.rows import ALONE, LossEstimator, Processes, Ratio
from holdfast.objectives.losses import weighted_mean_terms
from holdfast.training.click_propensity import ClickPropensityWatch
from holdfast.training.optimizers import balance_optimizers, build_optimizers
from holdfast.training.post_click import PostClickLosses
from holdfast.training.settings import OptimizerSettings
from holdfast.training.weighing import ForwardPass, Weighing

CHECKPOINT_KEY = "holdfast_loss_sums"
PROPENSITY_KEY = "holdfast_propensity_sums"
BALANCE_KEY = "holdfast_balance_sums"


class RankingModule(pl.LightningModule):
    """Trains a ranker on the balanced sum of its heads' weighted losses.

    Two optimisers step by hand, because Lightning automates only one. Sums of losses stay on the device until
    the epoch ends, so no step waits for a number.

    Args:
        ranker: what is trained, in place.
        balance: how the objectives' losses become one.
        optimizer: how weights move.
        seed: with the epoch, the batch and the process, decides what dropout draws.
        estimator: how the losses of heads that are observed only after a click are told; by default they are
            means over the rows that they are observed in.
        accumulate_batches: batches whose gradients are averaged before weights move, >= 1. Each is weighed by
            itself. The last ones of an epoch may be fewer.
    """

    def __init__(
        self,
        ranker: Ranker,
        *,
        balance: Balance,
        optimizer: OptimizerSettings,
        seed: int,
        estimator: LossEstimator | None = None,
        accumulate_batches: int = 1,
    ) -> None:
        super().__init__()
        self.automatic_optimization = False
        # On processes that have fewer batches, validation has nothing to do for a while.
        self.allow_zero_length_dataloader_with_multiple_devices = True
        self.weighing = Weighing(balance, ranker)
        self.ranker = ranker
        self.accumulate_batches = accumulate_batches
        self.optimizer_settings = optimizer
        estimator = Naive() if estimator is None else estimator
        self.post_click = PostClickLosses(estimator, ranker, seed=seed)
        self.propensities = ClickPropensityWatch(
            estimator.objectives, largest_weight=estimator.largest_weight
        )
        self.seed = seed
        # Numerators and denominators of the losses of the running epoch on this process: [2, T].
        self.sums = {stage: self._zeros() for stage in ("train", "validation")}

    def configure_optimizers(self) -> list[Optimizer]:
        """The dense optimiser and, where needed, the sparse one and that of learned balance weights."""
        optimizers = build_optimizers(self.ranker, self.optimizer_settings, beside=self.post_click)
        self.num_model_optimizers = len(optimizers)
        if self.weighing.balancer is not None:
            optimizers += balance_optimizers(self.weighing.balancer)
        return optimizers

    def transfer_batch_to_device(self, batch: Batch, device: torch.device, dataloader_idx: int) -> Batch:
        """Move a batch without waiting for it."""
        return batch if device.type == "cpu" else batch.to(device, non_blocking=True)

    def on_train_epoch_start(self) -> None:
        """Forget the sums of the epoch before; not called where a run goes on in the middle of an epoch."""
        self.sums["train"] = self._zeros()
        self.propensities.state = self.propensities.fresh()
        if self.weighing.watch is not None:
            self.weighing.watch.state = self.weighing.watch.fresh()

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        """Reseed, so that what a step draws depends on its place and not on what came before."""
        self._reseed(batch_idx)

    def training_step(self, batch: Batch, batch_idx: int) -> None:
        """One pass back and, where a group of batches is complete, one step of all optimisers."""
        across = Processes(self._reduce_sum, self.trainer.world_size)
        place, size = self._place_in_group(batch_idx)
        optimizers = self.optimizers()
        optimizers = optimizers if isinstance(optimizers, list) else [optimizers]
        if place == 0:
            for optimizer in optimizers:
                optimizer.zero_grad()
        made = self._forward(batch, across)
        self._add("train", made.terms)
        self.propensities.add(made.estimates)
        # The same on all processes, or they would find different weights.
        draw = derive_seed(self.seed, "balance", self.current_epoch, batch_idx)
        loss, weighed_by = self.weighing.loss(made, across, seed=draw)
        for estimate in made.estimates.values():
            # No weight: the second towers learn from nothing else, and nothing else learns from this.
            if estimate.imputation is not None:
                loss = loss + estimate.imputation.mean(across)
        self.manual_backward(loss if size == 1 else loss / size, **self.weighing.backward_arguments(self))
        if place < size - 1:
            return
        self._clip()
        of_balance = optimizers[self.num_model_optimizers :]
        for optimizer in optimizers[: self.num_model_optimizers]:
            optimizer.step()
        balancer = self.weighing.balancer
        if balancer is None:
            return
        if balancer.looks_back:
            assert weighed_by is not None
            self._reseed(batch_idx)  # the same units are left out
            with torch.no_grad():
                self.weighing.look_back(weighed_by, self._forward(batch, across), across)
        for optimizer in of_balance:
            optimizer.step()
        balancer.moved()

    def _place_in_group(self, batch_idx: int) -> tuple[int, int]:
        """Where a batch stands among those that share a step, and how many these are."""
        if self.accumulate_batches == 1:
            return 0, 1
        place = batch_idx % self.accumulate_batches
        left = int(self.trainer.num_training_batches) - (batch_idx - place)
        return place, min(self.accumulate_batches, left)

    def _clip(self) -> None:
        if self.optimizer_settings.gradient_clip is None:
            return
        # Embeddings are left alone: their sparse gradients would have to be merged twice, and their
        # optimiser scales each weight's step already.
        torch.nn.utils.clip_grad_norm_(self.ranker.dense_parameters(), self.optimizer_settings.gradient_clip)
        beside = list(self.post_click.parameters())
        if beside:
            torch.nn.utils.clip_grad_norm_(beside, self.optimizer_settings.gradient_clip)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Add a slice of the validation window to the sums."""
        # Processes may have unequal numbers of slices, so none may wait for another; slices are the same
        # whatever the number of processes.
        self._add("validation", self._forward(batch, ALONE, judging=True).terms)

    def on_validation_epoch_start(self) -> None:
        """Forget the sums of the epoch before."""
        self.sums["validation"] = self._zeros()

    def epoch_losses(self, stage: str) -> dict[str, float]:
        """Mean losses of the running epoch over all processes, ``{stage}/loss`` and one an objective.

        Every process must call this, and gets the same. The value of an objective of which nothing is known
        is NaN, and ``{stage}/loss`` balances the others, with the balance's fixed weights whatever weights
        the training moved: epochs must compare. It is NaN where there are none.
        """
        totals, counts = self._reduce_sum(self.sums[stage]).cpu()
        losses = {
            objective: totals[index] / counts[index] if counts[index] > 0 else torch.tensor(math.nan)
            for index, objective in enumerate(self.ranker.objectives)
        }
        known = {objective: loss for objective, loss in losses.items() if not loss.isnan()}
        logged = {f"{stage}/loss": float(self.weighing.balance.combine(known)) if known else math.nan}
        logged.update({f"{stage}/{objective}/loss": float(loss) for objective, loss in losses.items()})
        return logged

    def epoch_propensities(self) -> dict[str, float]:
        """Diagnostics of the predicted click as a propensity; every process must call this."""

        def largest(tensor: Tensor) -> Tensor:
            return self._reduce(tensor, "max")

        return self.propensities.summary(self._reduce_sum, largest)

    def epoch_balance(self) -> dict[str, float]:
        """Mean weights of the epoch and conflicts between gradients; empty where weights are fixed."""
        return {} if self.weighing.watch is None else self.weighing.watch.summary()

    def end_balance_epoch(self, losses: dict[str, float]) -> None:
        """Tell the balancer what ``epoch_losses`` gave for the training; before a checkpoint is written."""
        if self.weighing.balancer is not None:
            means = [losses[f"train/{objective}/loss"] for objective in self.ranker.objectives]
            self.weighing.balancer.end_epoch(torch.tensor(means, dtype=torch.float64))

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the running epoch's sums of every process, ``[R, 2, T]``."""
        gathered = self.all_gather(self.sums["train"])
        assert isinstance(gathered, Tensor)
        checkpoint[CHECKPOINT_KEY] = gathered.reshape(-1, 2, len(self.ranker.objectives)).cpu()
        state = self.all_gather(self.propensities.state)
        assert isinstance(state, Tensor)
        checkpoint[PROPENSITY_KEY] = state.reshape(
            self.trainer.world_size, *self.propensities.state.shape
        ).cpu()
        if self.weighing.watch is not None:
            checkpoint[BALANCE_KEY] = self.weighing.watch.state.cpu()  # the same on all processes

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take this process's sums back."""
        self.sums["train"] = checkpoint[CHECKPOINT_KEY][self.global_rank]
        self.propensities.state = checkpoint[PROPENSITY_KEY][self.global_rank]
        if self.weighing.watch is not None:
            self.weighing.watch.state = checkpoint[BALANCE_KEY]

    def _forward(self, batch: Batch, across: Processes, *, judging: bool = False) -> ForwardPass:
        """A batch's losses, and what they were made of."""
        representation = embedded = self.ranker.embed(batch.inputs)
        if self.weighing.compares_gradients and not judging:
            representation = replace(embedded, shared=embedded.shared.detach().requires_grad_())
        mixed_TBO = self.ranker.mix(representation)
        parameters = self.ranker.parameters_of(mixed_TBO)
        errors_BT = torch.stack(
            [
                head.negative_log_likelihood(parameters[objective], batch.outcome(index))
                for index, (objective, head) in enumerate(self.ranker.heads.items())
            ],
            dim=1,
        )
        terms_T = weighted_mean_terms(errors_BT, weight=batch.weight, where=batch.known)
        estimates = self.post_click.estimates(errors_BT, parameters, mixed_TBO, batch, across)
        if estimates:
            parts = [
                (estimates[objective].judgement if judging else estimates[objective].loss)
                if objective in estimates
                else Ratio(terms_T.numerator[index], terms_T.denominator[index])
                for index, objective in enumerate(self.ranker.objectives)
            ]
            numerators, denominators = zip(*parts, strict=True)
            terms_T = Ratio(torch.stack(numerators), torch.stack(denominators))
        return ForwardPass(terms_T, estimates, embedded, representation, mixed_TBO)

    def _reseed(self, batch_idx: int) -> None:
        torch.manual_seed(derive_seed(self.seed, "step", self.current_epoch, batch_idx, self.global_rank))

    def _add(self, stage: str, terms_T: Ratio) -> None:
        sums = torch.stack([terms_T.numerator.detach().double(), terms_T.denominator.double()])
        self.sums[stage] = self.sums[stage].to(sums.device) + sums

    def _reduce_sum(self, tensor: Tensor) -> Tensor:
        return self._reduce(tensor, "sum")

    def _reduce(self, tensor: Tensor, operation: str) -> Tensor:
        if self.trainer.world_size == 1:
            return tensor
        # A copy, because the reduction is in place.
        reduced = self.trainer.strategy.reduce(tensor.to(self.device, copy=True), reduce_op=operation)
        assert isinstance(reduced, Tensor)
        return reduced

    def _zeros(self) -> Tensor:
        return torch.zeros(2, len(self.ranker.objectives), dtype=torch.float64)
