"""Adaptive task-to-task fusion.

B rows, I input width, T objectives, K experts of an objective, E = T K experts of a level, O output width.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from holdfast.core.protocols import MixtureModule
from holdfast.core.representation import Representation, RepresentationShape
from holdfast.models.dense import check_dropout, check_widths
from holdfast.models.gating import (
    check_num_experts,
    check_num_levels,
    check_objectives,
    expert_names,
    gate_name,
    mix,
)
from holdfast.models.parallel import ParallelExperts, ParallelLinear


@dataclass(frozen=True, kw_only=True)
class AdaTT:
    r"""Experts of each objective, of which every objective takes by a gate, and its own once more for sure.

    This is AdaTT-sp, without shared experts. In level l, with the experts :math:`f_{u,k}` of objective u,
    which read what the level below made for u:

    .. math::
        x_t^{(l+1)} = \sum_{u, k} \mathrm{softmax}_{u, k}(W_t^{(l)} x_t^{(l)}) \, f_{u,k}^{(l)}(x_u^{(l)})
            + \sum_k v_{t,k}^{(l)} \, f_{t,k}^{(l)}(x_t^{(l)})

    The second term, the linear fusion of an objective's native experts, has free weights of either sign; for
    one expert an objective it is that expert as it is.

    Attributes:
        num_levels: at least 1.
        num_task_experts: K in each level, at least 1.
        expert_widths: widths of each expert's layers, in every level; the last one is O.
        dropout: share of an expert's units left out in training, in [0, 1).

    Source: Li et al. (2023), KDD.
    """

    num_levels: int = 2
    num_task_experts: int = 2
    expert_widths: list[int] = field(default_factory=lambda: [64])
    dropout: float = 0.0

    def __post_init__(self) -> None:
        check_num_levels("num_levels", self.num_levels)
        check_num_experts("num_task_experts", self.num_task_experts)
        check_widths("expert_widths", self.expert_widths)
        check_dropout("dropout", self.dropout)

    @property
    def own_embeddings(self) -> bool:
        """Every objective reads the shared embeddings."""
        return False

    def build(self, shape: RepresentationShape, objectives: Sequence[str]) -> MixtureModule:
        """A module with fresh weights, different in every expert."""
        return TaskToTaskFusion(shape.width, objectives, self)


class TaskToTaskFusion(MixtureModule):
    """The module behind ``AdaTT``."""

    def __init__(self, input_width: int, objectives: Sequence[str], settings: AdaTT) -> None:
        super().__init__()
        check_objectives(objectives)
        self.objectives = tuple(objectives)
        self.num_task_experts = settings.num_task_experts
        self.output_width = settings.expert_widths[-1]
        self.levels = nn.ModuleList(
            FusionLevel(self.output_width if level else input_width, len(self.objectives), settings)
            for level in range(settings.num_levels)
        )

    @property
    def gate_experts(self) -> dict[str, tuple[str, ...]]:
        """One gate an objective and level, over the experts of all objectives; not the linear fusion."""
        experts = tuple(
            expert for name in self.objectives for expert in expert_names(name, self.num_task_experts)
        )
        return {
            gate_name(name, level=level, num_levels=len(self.levels)): experts
            for level in range(len(self.levels))
            for name in self.objectives
        }

    def gate_weights(self, representation: Representation) -> dict[str, Tensor]:
        """How much each gate takes of each expert, ``[B, E]``; sums to 1 over the experts."""
        weights = [each for level in self._fuse(representation)[1] for each in level.unbind()]
        return dict(zip(self.gate_experts, weights, strict=True))

    def forward(self, representation: Representation) -> Tensor:
        """What the last level made for each objective, ``[T, B, O]``."""
        return self._fuse(representation)[0]

    def _fuse(self, representation: Representation) -> tuple[Tensor, list[Tensor]]:
        """The last level's outputs, and the weights of the gates of each level, ``[T, B, E]``."""
        task_TBI = representation.shared.expand(len(self.objectives), *representation.shared.shape)
        weights = []
        for level in self.levels:
            task_TBI, of_level = level(task_TBI)
            weights.append(of_level)
        return task_TBI, weights


class FusionLevel(nn.Module):
    """One level: the experts of all objectives, and for each objective a gate and a linear fusion."""

    def __init__(self, input_width: int, num_objectives: int, settings: AdaTT) -> None:
        super().__init__()
        self.num_task_experts = settings.num_task_experts
        num_experts = num_objectives * settings.num_task_experts
        self.experts = ParallelExperts(
            num_experts, input_width, settings.expert_widths, dropout=settings.dropout
        )
        self.gates = ParallelLinear(num_objectives, input_width, num_experts)
        self.native: nn.Parameter | None = None
        if self.num_task_experts > 1:
            bound = math.sqrt(1.0 / self.num_task_experts)
            self.native = nn.Parameter(
                torch.empty(num_objectives, self.num_task_experts).uniform_(-bound, bound)
            )

    def forward(self, task_TBI: Tensor) -> tuple[Tensor, Tensor]:
        """Outputs for each objective ``[T, B, O]``, and the gates' weights ``[T, B, E]``."""
        num_objectives = task_TBI.shape[0]
        repeated_TKBI = task_TBI.unsqueeze(1).expand(-1, self.num_task_experts, -1, -1)
        experts_EBO: Tensor = self.experts(repeated_TKBI.flatten(0, 1))
        weights_TBE = torch.softmax(self.gates(task_TBI), dim=-1)
        fused_TBO = mix(weights_TBE, experts_EBO)
        own_TKBO = experts_EBO.view(num_objectives, self.num_task_experts, *experts_EBO.shape[1:])
        if self.native is None:
            return fused_TBO + own_TKBO.squeeze(1), weights_TBE
        return fused_TBO + mix(self.native.unsqueeze(1), own_TKBO), weights_TBE
