"""Multi-gate mixture of experts.

B rows, I input width, E experts, T objectives, O output width.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import torch
from torch import Tensor, nn

from holdfast.core.protocols import MixtureModule
from holdfast.core.representation import Representation, RepresentationShape
from holdfast.models.dense import check_dropout, check_widths


@dataclass(frozen=True, kw_only=True)
class MMoE:
    """Experts that all objectives share, and for each objective a gate that mixes them row by row.

    Attributes:
        num_experts: E, at least 1.
        expert_widths: widths of each expert's layers; the last one is O.
        dropout: share of an expert's units left out in training, in [0, 1).

    Source: Ma et al. (2018), KDD.
    """

    num_experts: int = 4
    expert_widths: list[int] = field(default_factory=lambda: [128, 64])
    dropout: float = 0.0

    def __post_init__(self) -> None:
        if self.num_experts < 1:
            raise ValueError(f"num_experts is {self.num_experts}; a mixture needs at least 1 expert")
        check_widths("expert_widths", self.expert_widths)
        check_dropout("dropout", self.dropout)

    @property
    def own_embeddings(self) -> bool:
        """Every objective reads the shared embeddings."""
        return False

    def build(self, shape: RepresentationShape, objectives: Sequence[str]) -> MixtureModule:
        """A module with fresh weights, different in every expert."""
        return GatedExperts(shape.width, len(objectives), self)


class GatedExperts(MixtureModule):
    """The module behind ``MMoE``."""

    def __init__(self, input_width: int, num_objectives: int, settings: MMoE) -> None:
        super().__init__()
        widths = [input_width, *settings.expert_widths]
        self.layers = nn.ModuleList(
            ParallelLinear(settings.num_experts, before, after) for before, after in pairwise(widths)
        )
        self.dropout = nn.Dropout(settings.dropout)
        self.gates = nn.Linear(input_width, num_objectives * settings.num_experts)
        self.num_objectives = num_objectives
        self.num_experts = settings.num_experts
        self.output_width = widths[-1]

    def gate_weights(self, shared_BI: Tensor) -> Tensor:
        """How much each objective listens to each expert, ``[B, T, E]``; sums to 1 over the experts."""
        logits = self.gates(shared_BI).unflatten(-1, (self.num_objectives, self.num_experts))
        return torch.softmax(logits, dim=-1)

    def forward(self, representation: Representation) -> Tensor:
        """One mixture of the experts an objective, ``[T, B, O]``."""
        shared_BI = representation.shared
        hidden_EBO = shared_BI.expand(self.num_experts, *shared_BI.shape)
        for layer in self.layers:
            hidden_EBO = self.dropout(torch.relu(layer(hidden_EBO)))
        gates_TEB1 = self.gate_weights(shared_BI).permute(1, 2, 0).unsqueeze(-1)
        # A sum over few experts: on a CPU faster than B tiny matrix products.
        mixed_TBO = gates_TEB1[:, 0] * hidden_EBO[0]
        for expert in range(1, self.num_experts):
            mixed_TBO = torch.addcmul(mixed_TBO, gates_TEB1[:, expert], hidden_EBO[expert])
        return mixed_TBO


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
