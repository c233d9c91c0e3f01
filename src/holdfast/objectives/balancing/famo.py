"""FAMO: every loss shall fall by the same share, told from the losses alone.

T objectives.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from holdfast.objectives.balancing.balance import Balancer, Step, add_gradient
from holdfast.objectives.balancing.by_loss import BoundedLosses, LossBalance


def famo_weights(losses: Tensor, logits: Tensor, *, present: Tensor) -> Tensor:
    r"""Weights of the losses' gradients that are those of the logarithms.

    .. math:: w_k = \frac{z_k / L_k}{\sum_j z_j / L_j}, \qquad z = \operatorname{softmax}(\xi)

    Args:
        losses: L, above their bounds, > 0, ``[T]``.
        logits: xi, ``[T]``.
        present: False for objectives without a known row, ``[T]``; they get weight 0.

    Returns:
        ``[T]``, of sum 1; 0 where no objective is present.

    Source: Liu, B. et al. (2023).
    """
    shares = _shares(logits, present) / losses
    total = shares.sum()
    return shares / torch.where(total > 0.0, total, torch.ones_like(total))


def famo_slope(before: Tensor, after: Tensor, logits: Tensor, *, present: Tensor) -> Tensor:
    r"""Derivative, by the logits, of :math:`\sum_k z_k (\ln L_k - \ln L_k')`: how much each loss fell.

    Args:
        before: L, losses of a batch above their bounds, > 0, ``[T]``.
        after: L', of the same rows after the step, ``[T]``.
        logits: of z, ``[T]``.
        present: False for objectives without a known row, ``[T]``; their derivative is 0.

    Returns:
        ``[T]``. Going down it moves weight to the objective that fell least.

    Source: Liu, B. et al. (2023).
    """
    fallen = (before.log() - after.log()).masked_fill(~present, 0.0)
    shares = _shares(logits, present)
    return shares * (fallen - (shares * fallen).sum())


def _shares(logits: Tensor, present: Tensor) -> Tensor:
    # Not minus infinity: a softmax over nothing but that is not a number.
    return torch.softmax(logits.masked_fill(~present, -1e30), dim=0).masked_fill(~present, 0.0)


@dataclass(frozen=True, kw_only=True)
class Famo(LossBalance):
    """Weights under which every loss falls by the same share; costs a second forward pass and no gradients.

    Attributes:
        learning_rate: of the logits of the weights, > 0.
        weight_decay: of the same, >= 0: how soon old steps are forgotten.
    """

    learning_rate: float = 0.025
    weight_decay: float = 0.01

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0.0 < self.learning_rate < math.inf:
            raise ValueError(f"learning_rate is {self.learning_rate}; it must be above 0 and finite")
        if not 0.0 <= self.weight_decay < math.inf:
            raise ValueError(f"weight_decay is {self.weight_decay}; it must be finite and at least 0")

    def build(self, objectives: tuple[str, ...]) -> Balancer:
        """What weighs the objectives of a training."""
        return FamoBalancer(self, objectives)


class FamoBalancer(BoundedLosses):
    """Learns the logits, from 0."""

    looks_back = True
    logits: Tensor

    def __init__(self, balance: Famo, objectives: tuple[str, ...]) -> None:
        super().__init__(balance, objectives)
        self.learning_rate = balance.learning_rate
        self.weight_decay = balance.weight_decay
        self.register_buffer("logits", torch.zeros(len(objectives), dtype=torch.float64))

    def weigh(self, step: Step) -> Tensor:
        """Of the gradients of the logarithms of the losses."""
        return famo_weights(self.above_bound(step.losses, step.present), self.logits, present=step.present)

    def learned(self) -> list[Tensor]:
        """The logits."""
        return [self.logits]

    def look_back(self, before: Step, after: Tensor) -> None:
        """By how much the step lowered each loss."""
        first, then = (self.above_bound(each, before.present) for each in (before.losses, after))
        add_gradient(self.logits, famo_slope(first, then, self.logits, present=before.present))
