"""GradNorm: gradients of alike lengths, longer where an objective lags behind.

T objectives.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from holdfast.objectives.balancing.balance import Balancer, Step, add_gradient, mean_over_present
from holdfast.objectives.balancing.by_loss import BoundedLosses, LossBalance

SMALLEST_WEIGHT = 1e-3
"""No weight may fall to zero or below: a loss of weight zero has no gradient by which it could come back."""


def gradnorm_slope(
    weights: Tensor, lengths: Tensor, relative_losses: Tensor, *, present: Tensor, alpha: float
) -> Tensor:
    r"""Derivative, by the weights, of the distance between gradients' lengths and their targets.

    .. math:: \sum_k \Big| w_k n_k - \bar n \, \Big( \frac{l_k}{\bar l} \Big)^{\alpha} \Big|

    The targets count as constants; means are over the objectives that are present.

    Args:
        weights: w, > 0, ``[T]``.
        lengths: n, of the gradients before weighing, ``[T]``.
        relative_losses: l, what is left of each first loss, > 0, ``[T]``.
        present: False for objectives without a known row, ``[T]``; their derivative is 0.
        alpha: how much longer the gradient of a lagging objective shall be, >= 0.

    Returns:
        ``[T]``.

    Source: Chen et al. (2018).
    """
    weighted = weights * lengths
    rate = relative_losses / mean_over_present(relative_losses, present)
    target = mean_over_present(weighted, present) * rate**alpha
    return (torch.sign(weighted - target) * lengths).masked_fill(~present, 0.0)


@dataclass(frozen=True, kw_only=True)
class GradNorm(LossBalance):
    """Learned weights under which all gradients are alike in length at the shared representation.

    Attributes:
        alpha: how much longer the gradient of a lagging objective shall be, >= 0.
        learning_rate: of the weights, > 0.
    """

    alpha: float = 1.5
    learning_rate: float = 0.01

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0.0 <= self.alpha < math.inf:
            raise ValueError(f"alpha is {self.alpha}; it must be finite and at least 0")
        if not 0.0 < self.learning_rate < math.inf:
            raise ValueError(f"learning_rate is {self.learning_rate}; it must be above 0 and finite")

    def build(self, objectives: tuple[str, ...]) -> Balancer:
        """What weighs the objectives of a training."""
        return GradNormBalancer(self, objectives)


class GradNormBalancer(BoundedLosses):
    """Learns the weights, from 1; their sum stays T."""

    gradients_at = "representation"
    weights: Tensor
    first_losses: Tensor

    def __init__(self, balance: GradNorm, objectives: tuple[str, ...]) -> None:
        super().__init__(balance, objectives)
        self.alpha = balance.alpha
        self.learning_rate = balance.learning_rate
        self.register_buffer("weights", torch.ones(len(objectives), dtype=torch.float64))
        self.register_buffer("first_losses", torch.full((len(objectives),), math.nan, dtype=torch.float64))

    def weigh(self, step: Step) -> Tensor:
        """As learned so far."""
        return self.weights.clone()

    def learned(self) -> list[Tensor]:
        """The weights."""
        return [self.weights]

    def learn(self, step: Step) -> None:
        """The derivative of the distance from the targets; a loss that is new is noted."""
        assert step.gramian is not None
        above = self.above_bound(step.losses, step.present)
        new = self.first_losses.isnan() & step.present
        self.first_losses.copy_(torch.where(new, above.to(self.first_losses), self.first_losses))
        lengths = step.gramian.diagonal().clamp(min=0.0).sqrt().to(self.weights)
        # A gradient of zero says nothing of how long it should be.
        present = step.present & (lengths > 0.0)
        if bool(present.any()):
            slope = gradnorm_slope(
                self.weights,
                # Their common scale is of no account; Adam would take tiny slopes for none.
                lengths / mean_over_present(lengths, present),
                (above / self.first_losses).masked_fill(~step.present, 1.0),
                present=present,
                alpha=self.alpha,
            )
            add_gradient(self.weights, slope)

    def moved(self) -> None:
        """Keep the weights above 0 and their sum at T."""
        self.weights.clamp_(min=SMALLEST_WEIGHT)
        self.weights.mul_(len(self.weights) / self.weights.sum())
