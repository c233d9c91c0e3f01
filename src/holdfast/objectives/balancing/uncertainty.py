"""Weights by the uncertainty of each objective, learned with the model.

T objectives.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from holdfast.objectives.balancing.balance import Balancer, Step, add_gradient
from holdfast.objectives.balancing.by_loss import BoundedLosses, LossBalance


def uncertainty_loss(losses: Tensor, log_variance: Tensor, *, present: Tensor) -> Tensor:
    r"""Losses over learned variances, and what keeps the variances from growing.

    .. math:: \sum_k m_k \big( L_k e^{-s_k} + s_k \big)

    Args:
        losses: L, ``[T]``; anything where not present.
        log_variance: s, of either sign, ``[T]``. At the optimum :math:`e^{s_k} = L_k`.
        present: m, False for objectives without a known row, ``[T]``.

    Returns:
        A scalar; 0 where no objective is present.

    Source: Kendall, Gal and Cipolla (2018).
    """
    losses = losses.masked_fill(~present, 0.0)
    return (losses * torch.exp(-log_variance) + log_variance).masked_fill(~present, 0.0).sum()


@dataclass(frozen=True, kw_only=True)
class UncertaintyBalance(LossBalance):
    """Each loss over a variance that is learned with the model.

    Attributes:
        learning_rate: of the logarithms of the variances, > 0.
    """

    learning_rate: float = 0.01

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0.0 < self.learning_rate < math.inf:
            raise ValueError(f"learning_rate is {self.learning_rate}; it must be above 0 and finite")

    def build(self, objectives: tuple[str, ...]) -> Balancer:
        """What weighs the objectives of a training."""
        return UncertaintyBalancer(self, objectives)


class UncertaintyBalancer(BoundedLosses):
    """Learns the log-variances, from 0.

    The bound is held against the mean of an epoch: the formula takes a negative loss, but nothing stops the
    weight of an objective whose loss stays negative.
    """

    log_variance: Tensor

    def __init__(self, balance: UncertaintyBalance, objectives: tuple[str, ...]) -> None:
        super().__init__(balance, objectives)
        self.learning_rate = balance.learning_rate
        self.register_buffer("log_variance", torch.zeros(len(objectives), dtype=torch.float64))

    def weigh(self, step: Step) -> Tensor:
        """One over the variances."""
        return torch.exp(-self.log_variance)

    def learned(self) -> list[Tensor]:
        """The log-variances."""
        return [self.log_variance]

    def learn(self, step: Step) -> None:
        """The derivative of ``uncertainty_loss``."""
        losses = step.losses.double() - step.losses.new_tensor(self.bounds, dtype=torch.float64)
        slope = 1.0 - losses.masked_fill(~step.present, 0.0) * torch.exp(-self.log_variance)
        add_gradient(self.log_variance, slope.masked_fill(~step.present, 0.0))

    def end_epoch(self, losses: Tensor) -> None:
        """Refuse to go on with a loss whose weight would grow without end."""
        self.above_bound(losses, ~losses.isnan())
