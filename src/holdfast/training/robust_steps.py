"""What training does beside its plain steps, to make a model hold elsewhere.

B rows, T objectives.
"""

from __future__ import annotations

from torch import Tensor, nn

from holdfast.core.batch import Batch
from holdfast.models.ranker import Ranker
from holdfast.objectives.estimators.rows import Processes
from holdfast.training.feature_dropout import DroppedInputs
from holdfast.training.robust_losses import RobustLosses
from holdfast.training.weighing import ForwardPass
from holdfast.training.weight_averaging import AveragedRanker


class RobustSteps(nn.Module):
    """Nothing, unless parts are given; their state is saved and resumed with the training.

    Args:
        robust_losses: takes the place of mean losses.
        dropped: lets inputs go missing.
        averaged: an average of the weights.
    """

    def __init__(
        self,
        *,
        robust_losses: RobustLosses | None = None,
        dropped: DroppedInputs | None = None,
        averaged: AveragedRanker | None = None,
    ) -> None:
        super().__init__()
        self.robust_losses = robust_losses
        self.dropped = dropped
        self.averaged = averaged

    def start_epoch(self) -> None:
        """Forget what the epoch before came to."""
        if self.robust_losses is not None:
            self.robust_losses.start_epoch()

    def seen(self, batch: Batch, place: tuple[int, int], process: tuple[int, int]) -> Batch:
        """What the model sees of a batch.

        Args:
            batch: of this process.
            place: epoch, and number of the batch in it.
            process: its rank, and how many share the batch.
        """
        return batch if self.dropped is None else self.dropped(batch, place=place, process=process)

    def losses(self, made: ForwardPass, batch: Batch, across: Processes, *, rank: int) -> Tensor | None:
        """What stands for each objective, ``[T]``; None for the plain means."""
        if self.robust_losses is None:
            return None
        losses: Tensor = self.robust_losses(
            made.terms,
            errors=made.errors,
            parameters=made.parameters,
            mixed=made.mixed,
            batch=batch,
            across=across,
            rank=rank,
        )
        return losses

    def moved(self, ranker: Ranker, *, epoch: int, ends_epoch: bool) -> None:
        """Follow a step of the optimisers."""
        if self.averaged is None:
            return
        self.averaged.after_step(ranker)
        if ends_epoch:
            self.averaged.after_epoch(ranker, epoch)

    def judged(self, ranker: Ranker) -> Ranker:
        """The model that is validated, saved and exported where ``ranker`` is trained."""
        return ranker if self.averaged is None else self.averaged.ranker

    def summary(self) -> dict[str, float]:
        """What robust losses came to in the epoch."""
        return {} if self.robust_losses is None else self.robust_losses.summary()
