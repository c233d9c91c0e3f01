"""Multi-gate mixture of experts.

B rows, E experts, T objectives, O output width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from holdfast.core.protocols import MixtureModule
from holdfast.core.representation import Representation, RepresentationShape
from holdfast.models.dense import check_dropout, check_widths
from holdfast.models.gating import check_num_experts, check_objectives, mix
from holdfast.models.parallel import ParallelExperts


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
        check_num_experts("num_experts", self.num_experts)
        check_widths("expert_widths", self.expert_widths)
        check_dropout("dropout", self.dropout)

    @property
    def own_embeddings(self) -> bool:
        """Every objective reads the shared embeddings."""
        return False

    def build(self, shape: RepresentationShape, objectives: Sequence[str]) -> MixtureModule:
        """A module with fresh weights, different in every expert."""
        return GatedExperts(shape.width, objectives, self)


class GatedExperts(MixtureModule):
    """The module behind ``MMoE``."""

    def __init__(self, input_width: int, objectives: Sequence[str], settings: MMoE) -> None:
        super().__init__()
        check_objectives(objectives)
        self.layers = ParallelExperts(
            settings.num_experts, input_width, settings.expert_widths, dropout=settings.dropout
        )
        self.gates = nn.Linear(input_width, len(objectives) * settings.num_experts)
        self.objectives = tuple(objectives)
        self.num_experts = settings.num_experts
        self.output_width = settings.expert_widths[-1]

    @property
    def gate_experts(self) -> dict[str, tuple[str, ...]]:
        """One gate an objective, over all experts."""
        experts = tuple(f"expert_{index}" for index in range(self.num_experts))
        return dict.fromkeys(self.objectives, experts)

    def gate_weights(self, representation: Representation) -> dict[str, Tensor]:
        """How much each objective listens to each expert, ``[B, E]``; sums to 1 over the experts."""
        return dict(zip(self.objectives, self._weights(representation).unbind(), strict=True))

    def forward(self, representation: Representation) -> Tensor:
        """One mixture of the experts an objective, ``[T, B, O]``."""
        experts_EBO: Tensor = self.layers(representation.shared)
        return mix(self._weights(representation), experts_EBO)

    def _weights(self, representation: Representation) -> Tensor:
        """``[T, B, E]``."""
        logits = self.gates(representation.shared).unflatten(-1, (len(self.objectives), self.num_experts))
        return torch.softmax(logits, dim=-1).transpose(0, 1)
