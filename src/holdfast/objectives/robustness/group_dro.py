"""Training for the environment in which the model is worst.

E environments, T objectives.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from holdfast.objectives.robustness.environment_rows import EnvironmentRows, means
from holdfast.objectives.robustness.robustness import AcrossEnvironments, EnvironmentLosses


@dataclass(frozen=True, kw_only=True)
class GroupDRO(AcrossEnvironments):
    r"""Environments are weighed by how badly they do, and weights grow exponentially.

    .. math:: q_e \propto q_e \exp(\eta (R_e + C / \sqrt{n_e})), \qquad L = \sum_e q_e R_e

    for each objective by itself: losses of different heads have different units, and the sum's worst
    environment would be that of the largest unit. An environment that is absent from a batch keeps its weight
    and adds nothing; those that are present share what they had, so that adding a constant to a loss changes
    no weight.

    Attributes:
        step_size: :math:`\eta`, > 0.
        size_adjustment: :math:`C`, >= 0: small environments overfit, and are thought worse than they look;
            :math:`n_e` are the environment's known rows in the train window.

    Source: Sagawa, Koh, Hashimoto and Liang (2020), algorithm 1 and section 3.3.
    """

    step_size: float = 0.01
    size_adjustment: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0.0 < self.step_size < math.inf:
            raise ValueError(f"step_size is {self.step_size}; it must be above 0 and finite")
        if not 0.0 <= self.size_adjustment < math.inf:
            raise ValueError(f"size_adjustment is {self.size_adjustment}; it must be finite and at least 0")

    @property
    def replaces_means(self) -> bool:
        """Yes: by weighted sums over environments."""
        return True

    def build(self, counts: Tensor) -> GroupWeights:
        """Equal weights for environments in which the objective is known."""
        return GroupWeights(self, counts)


class GroupWeights(EnvironmentLosses):
    """The weights of the environments, as logarithms, so that none is lost for good.

    Args:
        settings: how they move.
        counts: known rows of the train window, ``[T, E]``.
    """

    figure = "largest_weight"
    log_weights: Tensor
    adjustment: Tensor

    def __init__(self, settings: GroupDRO, counts: Tensor) -> None:
        super().__init__()
        self.step_size = settings.step_size
        counts = counts.double()
        some = counts > 0.0
        equal = -some.sum(1, keepdim=True).clamp(min=1).double().log().expand_as(counts)
        self.register_buffer("log_weights", equal.masked_fill(~some, -math.inf).clone())
        adjustment = settings.size_adjustment / counts.clamp(min=1.0).sqrt()
        self.register_buffer("adjustment", adjustment, persistent=False)

    def sums(self, rows: EnvironmentRows) -> Tensor:
        """Losses and rows, ``[T, E, 2]``."""
        return torch.stack([rows.sums(rows.errors), rows.counts()], dim=-1)

    def learn(self, totals: Tensor) -> None:
        """Move weight to environments that do badly."""
        risks, present = means(*totals.unbind(-1))
        self.log_weights = moved_log_weights(
            self.log_weights, risks + self.adjustment, present=present, step_size=self.step_size
        )

    def losses(self, totals: Tensor) -> Tensor:
        """Weighted sums of the environments' losses, ``[T]``."""
        risks, present = means(*totals.unbind(-1))
        return (self.log_weights.exp() * risks).masked_fill(~present, 0.0).sum(-1)

    def figures(self, totals: Tensor) -> Tensor:
        """The weight of the heaviest environment, ``[T]``."""
        return self.log_weights.exp().amax(-1)


def moved_log_weights(log_weights: Tensor, risks: Tensor, *, present: Tensor, step_size: float) -> Tensor:
    """Weights after one step of exponentiated gradient ascent.

    Args:
        log_weights: logarithms of weights that sum to 1, ``[..., E]``.
        risks: losses of the environments, ``[..., E]``; anything where not present.
        present: False for environments of which the batch holds no known row.
        step_size: > 0.

    Returns:
        Logarithms ``[..., E]``; those that are not present as they were, the others with the same sum of
        weights as before.
    """
    moved = log_weights + step_size * risks.masked_fill(~present, 0.0)
    before = log_weights.masked_fill(~present, -math.inf).logsumexp(-1, keepdim=True)
    after = moved.masked_fill(~present, -math.inf).logsumexp(-1, keepdim=True)
    return torch.where(present & before.isfinite(), moved + (before - after), log_weights)
