"""Shared and task-specific embeddings.

B rows, I input width, T objectives, K experts of an objective, S shared experts, E = T K + S experts of a
level, O output width.
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
class STEM:
    r"""Embeddings of each objective beside shared ones; it listens to all and teaches only its own.

    The gate of objective t reads the sum of t's own and the shared input and mixes all experts of its level.
    A loss of t changes t's experts and embeddings and the shared ones; of what the others' experts say, it
    only listens (sg: no gradient):

    .. math::
        x_t^{(l+1)} = \sum_{e \in t \cup s} g_{t,e} \, f_e^{(l)}(x^{(l)})
            + \sum_{e \notin t \cup s} g_{t,e} \, \mathrm{sg}\big(f_e^{(l)}(x^{(l)})\big), \qquad
        g_t = \mathrm{softmax}\big(W_t^{(l)} (x_t^{(l)} + x_s^{(l)})\big)

    Where another level follows, a shared gate reads the shared input and mixes all experts, without gradient
    to those of the objectives: else a loss would reach the others' embeddings by way of the next level's
    shared experts, as in the authors' code. Gates are linear, as in the other mixtures; the authors' have
    hidden layers.

    Attributes:
        num_levels: at least 1.
        num_task_experts: K in each level, at least 1.
        num_shared_experts: S in each level, at least 1.
        expert_widths: widths of each expert's layers, in every level; the last one is O.
        dropout: share of an expert's units left out in training, in [0, 1).

    Source: Su et al. (2024), AAAI.
    """

    num_levels: int = 1
    num_task_experts: int = 1
    num_shared_experts: int = 1
    expert_widths: list[int] = field(default_factory=lambda: [128, 64])
    dropout: float = 0.0

    def __post_init__(self) -> None:
        check_num_levels("num_levels", self.num_levels)
        check_num_experts("num_task_experts", self.num_task_experts)
        check_num_experts("num_shared_experts", self.num_shared_experts)
        check_widths("expert_widths", self.expert_widths)
        check_dropout("dropout", self.dropout)

    @property
    def own_embeddings(self) -> bool:
        """Every objective has embeddings of its own."""
        return True

    def build(self, shape: RepresentationShape, objectives: Sequence[str]) -> MixtureModule:
        """A module with fresh weights, different in every expert."""
        return OwnAndSharedExperts(shape.width, objectives, self)


class OwnAndSharedExperts(MixtureModule):
    """The module behind ``STEM``."""

    def __init__(self, input_width: int, objectives: Sequence[str], settings: STEM) -> None:
        super().__init__()
        check_objectives(objectives)
        self.objectives = tuple(objectives)
        self.num_task_experts = settings.num_task_experts
        self.num_shared_experts = settings.num_shared_experts
        self.output_width = settings.expert_widths[-1]
        self.levels = nn.ModuleList(
            ListeningLevel(
                self.output_width if level else input_width,
                len(self.objectives),
                settings,
                is_last=level == settings.num_levels - 1,
            )
            for level in range(settings.num_levels)
        )

    @property
    def gate_experts(self) -> dict[str, tuple[str, ...]]:
        """One gate an objective and level, and the shared gates, each over all experts of its level."""
        experts = (
            *(name for each in self.objectives for name in expert_names(each, self.num_task_experts)),
            *expert_names(SHARED, self.num_shared_experts),
        )
        num_levels = len(self.levels)
        return {
            gate_name(owner, level=level, num_levels=num_levels): experts
            for level in range(num_levels)
            for owner in (*self.objectives, *([] if level == num_levels - 1 else [SHARED]))
        }

    def gate_weights(self, representation: Representation) -> dict[str, Tensor]:
        """How much each gate takes of each expert of its level, ``[B, E]``; sums to 1 over the experts."""
        weights = [each for level in self._listen(representation)[1] for each in level]
        return dict(zip(self.gate_experts, weights, strict=True))

    def forward(self, representation: Representation) -> Tensor:
        """What the last level made for each objective, ``[T, B, O]``."""
        return self._listen(representation)[0]

    def _listen(self, representation: Representation) -> tuple[Tensor, list[list[Tensor]]]:
        """The last level's outputs, and by level the weights of its gates in the order of their names."""
        assert representation.own is not None, "the ranker gives own embeddings where they are asked for"
        task_TBI, shared_BI = representation.own, representation.shared
        weights = []
        for level in self.levels:
            task_TBI, shared_BI, of_level = level(task_TBI, shared_BI)
            weights.append(of_level)
        return task_TBI, weights


class ListeningLevel(nn.Module):
    """One level: all experts, the gate of each objective and, but for the last level, the shared gate."""

    def __init__(self, input_width: int, num_objectives: int, settings: STEM, *, is_last: bool) -> None:
        super().__init__()
        widths, dropout = settings.expert_widths, settings.dropout
        self.num_task_experts = settings.num_task_experts
        num_own, num_shared = num_objectives * settings.num_task_experts, settings.num_shared_experts
        self.task_experts = ParallelExperts(num_own, input_width, widths, dropout=dropout)
        self.shared_experts = ParallelExperts(num_shared, input_width, widths, dropout=dropout)
        self.task_gates = ParallelLinear(num_objectives, input_width, num_own + num_shared)
        self.shared_gate = None if is_last else nn.Linear(input_width, num_own + num_shared)

    def forward(self, task_TBI: Tensor, shared_BI: Tensor) -> tuple[Tensor, Tensor | None, list[Tensor]]:
        """Outputs for each objective and for the shared experts, and the weights of all gates."""
        repeated_TKBI = task_TBI.unsqueeze(1).expand(-1, self.num_task_experts, -1, -1)
        own_EBO: Tensor = self.task_experts(repeated_TKBI.flatten(0, 1))
        shared_SBO: Tensor = self.shared_experts(shared_BI)
        heard_EBO = torch.cat([own_EBO.detach(), shared_SBO])
        # Every objective sees the same numbers, but a gradient goes only to its own and the shared experts.
        visible_TEBO = torch.stack(
            [torch.cat(self._with_gradient_to(index, own_EBO, shared_SBO)) for index in range(len(task_TBI))]
        )
        task_weights_TBE = torch.softmax(self.task_gates(task_TBI + shared_BI), dim=-1)
        mixed_TBO = mix(task_weights_TBE, visible_TEBO)
        weights = list(task_weights_TBE.unbind())
        if self.shared_gate is None:
            return mixed_TBO, None, weights
        shared_weights_BE = torch.softmax(self.shared_gate(shared_BI), dim=-1)
        mixed_BO = mix(shared_weights_BE.unsqueeze(0), heard_EBO).squeeze(0)
        return mixed_TBO, mixed_BO, [*weights, shared_weights_BE]

    def _with_gradient_to(self, objective: int, own_EBO: Tensor, shared_SBO: Tensor) -> list[Tensor]:
        first = objective * self.num_task_experts
        last = first + self.num_task_experts
        return [own_EBO[:first].detach(), own_EBO[first:last], own_EBO[last:].detach(), shared_SBO]
