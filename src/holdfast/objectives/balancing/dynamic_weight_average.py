"""Weights by how fast each loss fell of late.

T objectives.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from holdfast.objectives.balancing.balance import Balancer, Step
from holdfast.objectives.balancing.by_loss import BoundedLosses, LossBalance


def dynamic_weights(last: Tensor, before: Tensor, *, temperature: float) -> Tensor:
    r"""Weights that are large where a loss stopped falling.

    .. math:: w_k = T \, \frac{e^{r_k / \tau}}{\sum_j e^{r_j / \tau}}, \qquad
              r_k = \frac{L_k(t - 1)}{L_k(t - 2)}

    Args:
        last: mean losses of the last epoch, > 0, ``[T]``; NaN where nothing was known.
        before: of the one before it.
        temperature: tau > 0; large ones make weights alike.

    Returns:
        ``[T]``, of sum T. A loss that one of the epochs does not know counts as one that stands still.

    Source: Liu, S., Johns and Davison (2019).
    """
    rate = (last / before).nan_to_num(nan=1.0)
    return len(last) * torch.softmax(rate / temperature, dim=0)


@dataclass(frozen=True, kw_only=True)
class DynamicWeightAverage(LossBalance):
    """More weight to losses that fell slowly from one epoch to the next; equal in the first two epochs.

    Attributes:
        temperature: > 0; large ones make weights alike.
    """

    temperature: float = 2.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0.0 < self.temperature < math.inf:
            raise ValueError(f"temperature is {self.temperature}; it must be above 0 and finite")

    def build(self, objectives: tuple[str, ...]) -> Balancer:
        """What weighs the objectives of a training."""
        return DynamicWeightAverager(self, objectives)


class DynamicWeightAverager(BoundedLosses):
    """Remembers the mean losses of two epochs."""

    means: Tensor

    def __init__(self, balance: DynamicWeightAverage, objectives: tuple[str, ...]) -> None:
        super().__init__(balance, objectives)
        self.temperature = balance.temperature
        # The epoch before the last, then the last; losses less their bounds.
        self.register_buffer("means", torch.full((2, len(objectives)), math.nan, dtype=torch.float64))

    def weigh(self, step: Step) -> Tensor:
        """The same in all steps of an epoch."""
        return dynamic_weights(self.means[1], self.means[0], temperature=self.temperature)

    def end_epoch(self, losses: Tensor) -> None:
        """Note the epoch."""
        known = ~losses.isnan()
        above = self.above_bound(losses, known).masked_fill(~known, math.nan)
        self.means.copy_(torch.stack([self.means[1], above.to(self.means)]))
