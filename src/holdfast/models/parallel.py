"""Experts that are computed together.

E experts, B rows, I input width, O output width.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn


class ParallelLinear(nn.Module):
    """One linear layer an expert, computed together: ``[E, B, I]`` to ``[E, B, O]``."""

    def __init__(self, num_experts: int, input_width: int, output_width: int) -> None:
        super().__init__()
        # As nn.Linear does it; one draw for all experts, so no two of them are alike.
        bound = 1.0 / math.sqrt(input_width)
        self.weight = nn.Parameter(
            torch.empty(num_experts, input_width, output_width).uniform_(-bound, bound)
        )
        self.bias = nn.Parameter(torch.empty(num_experts, 1, output_width).uniform_(-bound, bound))

    def forward(self, inputs: Tensor) -> Tensor:
        """Each expert's layer on its own input."""
        return torch.baddbmm(self.bias, inputs, self.weight)


class ParallelExperts(nn.ModuleList):
    """Stacks of dense layers of the same widths, computed together: ``[E, B, I]`` to ``[E, B, O]``.

    Each layer is followed by a ReLU and, in training, dropout.

    Args:
        num_experts: E, at least 1.
        input_width: I.
        widths: of each expert's layers, at least one; the last one is O.
        dropout: share of the units left out in training, in [0, 1).
    """

    def __init__(
        self, num_experts: int, input_width: int, widths: Sequence[int], *, dropout: float = 0.0
    ) -> None:
        super().__init__(
            ParallelLinear(num_experts, before, after) for before, after in pairwise([input_width, *widths])
        )
        self.num_experts = num_experts
        self.dropout = dropout

    def forward(self, inputs: Tensor) -> Tensor:
        """Each expert on its own input ``[E, B, I]``, or all on the same one, ``[B, I]``; ``[E, B, O]``."""
        if inputs.dim() == 2:
            inputs = inputs.expand(self.num_experts, *inputs.shape)
        for layer in self:
            inputs = nn.functional.dropout(torch.relu(layer(inputs)), self.dropout, self.training)
        return inputs
