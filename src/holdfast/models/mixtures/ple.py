"""Progressive layered extraction: experts of each objective beside shared ones, level by level.

B rows, I input width, T objectives, K experts of an objective, S shared experts, O output width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from holdfast.core.gates import SHARED
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
class PLE:
    r"""Experts that belong to one objective beside experts that all share; gates mix what they may see.

    In level l, the gate of objective t reads what the level below made for t and mixes t's own experts with
    the shared ones; a further gate, in all levels but the last, mixes all experts into what the shared
    experts of the next level read:

    .. math::
        x_t^{(l+1)} &= \sum_{e \in t \cup s} \mathrm{softmax}_e(W_t^{(l)} x_t^{(l)}) \, f_e^{(l)}(x^{(l)}) \\
        x_s^{(l+1)} &= \sum_{e} \mathrm{softmax}_e(W_s^{(l)} x_s^{(l)}) \, f_e^{(l)}(x^{(l)})

    where an expert reads the input of the set that it belongs to. One level is CGC. Unlike the paper's, gates
    have a bias, as in MMoE here.

    Attributes:
        num_levels: at least 1.
        num_task_experts: K in each level, at least 1.
        num_shared_experts: S in each level, at least 1.
        expert_widths: widths of each expert's layers, in every level; the last one is O.
        dropout: share of an expert's units left out in training, in [0, 1).

    Source: Tang et al. (2020), RecSys.
    """

    num_levels: int = 2
    num_task_experts: int = 1
    num_shared_experts: int = 2
    expert_widths: list[int] = field(default_factory=lambda: [64])
    dropout: float = 0.0

    def __post_init__(self) -> None:
        check_num_levels("num_levels", self.num_levels)
        check_num_experts("num_task_experts", self.num_task_experts)
        check_num_experts("num_shared_experts", self.num_shared_experts)
        check_widths("expert_widths", self.expert_widths)
        check_dropout("dropout", self.dropout)

    @property
    def own_embeddings(self) -> bool:
        """Every objective reads the shared embeddings."""
        return False

    def build(self, shape: RepresentationShape, objectives: Sequence[str]) -> MixtureModule:
        """A module with fresh weights, different in every expert."""
        return ProgressiveExtraction(shape.width, objectives, self)


class ProgressiveExtraction(MixtureModule):
    """The module behind ``PLE``."""

    def __init__(self, input_width: int, objectives: Sequence[str], settings: PLE) -> None:
        super().__init__()
        check_objectives(objectives)
        self.objectives = tuple(objectives)
        self.output_width = settings.expert_widths[-1]
        self.levels = nn.ModuleList(
            ExtractionLevel(
                self.output_width if level else input_width,
                len(self.objectives),
                settings,
                is_last=level == settings.num_levels - 1,
            )
            for level in range(settings.num_levels)
        )
        self.num_task_experts = settings.num_task_experts
        self.num_shared_experts = settings.num_shared_experts

    @property
    def gate_experts(self) -> dict[str, tuple[str, ...]]:
        """One gate an objective and level, over its own and the shared experts, and the shared gates."""
        own = {name: expert_names(name, self.num_task_experts) for name in self.objectives}
        shared = expert_names(SHARED, self.num_shared_experts)
        everything = (*(expert for each in own.values() for expert in each), *shared)
        num_levels, found = len(self.levels), {}
        for level in range(num_levels):
            for name in self.objectives:
                found[gate_name(name, level=level, num_levels=num_levels)] = (*own[name], *shared)
            if level < num_levels - 1:
                found[gate_name(SHARED, level=level, num_levels=num_levels)] = everything
        return found

    def gate_weights(self, representation: Representation) -> dict[str, Tensor]:
        """How much each gate takes of each of its experts, ``[B, E]``; sums to 1 over the experts."""
        weights = [each for level in self._extract(representation)[1] for each in level]
        return dict(zip(self.gate_experts, weights, strict=True))

    def forward(self, representation: Representation) -> Tensor:
        """What the last level made for each objective, ``[T, B, O]``."""
        return self._extract(representation)[0]

    def _extract(self, representation: Representation) -> tuple[Tensor, list[list[Tensor]]]:
        """The last level's outputs, and by level the weights of its gates in the order of their names."""
        shared_BI: Tensor | None = representation.shared
        task_TBI = representation.shared.expand(len(self.objectives), *representation.shared.shape)
        weights = []
        for level in self.levels:
            task_TBI, shared_BI, of_level = level(task_TBI, shared_BI)
            weights.append(of_level)
        return task_TBI, weights


class ExtractionLevel(nn.Module):
    """One level: all experts, the gate of each objective and, but for the last level, the shared gate."""

    def __init__(self, input_width: int, num_objectives: int, settings: PLE, *, is_last: bool) -> None:
        super().__init__()
        widths, dropout = settings.expert_widths, settings.dropout
        self.num_task_experts = settings.num_task_experts
        num_own, num_shared = num_objectives * settings.num_task_experts, settings.num_shared_experts
        self.task_experts = ParallelExperts(num_own, input_width, widths, dropout=dropout)
        self.shared_experts = ParallelExperts(num_shared, input_width, widths, dropout=dropout)
        self.task_gates = ParallelLinear(num_objectives, input_width, self.num_task_experts + num_shared)
        self.shared_gate = None if is_last else nn.Linear(input_width, num_own + num_shared)

    def forward(self, task_TBI: Tensor, shared_BI: Tensor) -> tuple[Tensor, Tensor | None, list[Tensor]]:
        """Outputs for each objective and for the shared experts, and the weights of all gates."""
        num_objectives = task_TBI.shape[0]
        repeated_TKBI = task_TBI.unsqueeze(1).expand(-1, self.num_task_experts, -1, -1)
        own_EBO = self.task_experts(repeated_TKBI.flatten(0, 1))
        shared_SBO = self.shared_experts(shared_BI)
        visible_TEBO = torch.cat(
            [
                own_EBO.unflatten(0, (num_objectives, self.num_task_experts)),
                shared_SBO.expand(num_objectives, *shared_SBO.shape),
            ],
            dim=1,
        )
        task_weights_TBE = torch.softmax(self.task_gates(task_TBI), dim=-1)
        mixed_TBO = mix(task_weights_TBE, visible_TEBO)
        weights = list(task_weights_TBE.unbind())
        if self.shared_gate is None:
            return mixed_TBO, None, weights
        shared_weights_BE = torch.softmax(self.shared_gate(shared_BI), dim=-1)
        everything_EBO = torch.cat([own_EBO, shared_SBO])
        mixed_BO = mix(shared_weights_BE.unsqueeze(0), everything_EBO).squeeze(0)
        return mixed_TBO, mixed_BO, [*weights, shared_weights_BE]
