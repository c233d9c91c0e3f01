"""Adaptive information transfer along a chain of objectives.

B rows, T objectives, O output width.
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
from holdfast.models.gating import check_objectives
from holdfast.models.parallel import ParallelExperts

_CHAIN = ("click", "dwell", "retention")


@dataclass(frozen=True, kw_only=True)
class AITM:
    r"""Each objective of a chain hears from the one before it as much as it finds useful, row by row.

    With :math:`q_t` of t's own trunk and :math:`z_1 = q_1`, the link from t - 1 to t makes a message and
    attends to it and to t's own vector:

    .. math::
        p_{t-1} &= \mathrm{ReLU}(W_t z_{t-1} + b_t), \qquad z_t = \sum_{u \in \{p_{t-1}, q_t\}} a_u h_1(u) \\
        a_u &= \mathrm{softmax}_u \big( \langle h_2(u), h_3(u) \rangle / \sqrt{O} \big)

    where h are linear maps without a bias, others in each link. An objective that is not in the chain keeps
    its own vector. The paper's calibrator, which punishes a later step that is more likely than an earlier
    one, is left out: dwell is no probability, and users return without a click too.

    Attributes:
        widths: widths of each trunk's layers; the last one is O.
        chain: objectives in the order in which information passes, at least two. Those that a run does not
            train are passed over.
        dropout: share of the units of trunks and messages left out in training, in [0, 1).

    Source: Xi et al. (2021), KDD.
    """

    widths: list[int] = field(default_factory=lambda: [128, 64])
    chain: list[str] = field(default_factory=lambda: list(_CHAIN))
    dropout: float = 0.0

    def __post_init__(self) -> None:
        check_widths("widths", self.widths)
        check_dropout("dropout", self.dropout)
        if len(self.chain) < 2 or len(set(self.chain)) < len(self.chain):
            raise ValueError(
                f"chain is {list(self.chain)}; name at least two objectives, each once, first causes first"
            )

    @property
    def own_embeddings(self) -> bool:
        """Every objective reads the shared embeddings."""
        return False

    def check(self, objectives: Sequence[str]) -> None:
        """Refuse a chain that names what is no objective.

        Raises:
            ValueError: says which names, and which objectives there are.
        """
        unknown = [name for name in self.chain if name not in (*objectives, *_CHAIN)]
        if unknown:
            raise ValueError(
                f"chain names {unknown}, which are no objectives; this model has {list(objectives)}"
            )

    def build(self, shape: RepresentationShape, objectives: Sequence[str]) -> MixtureModule:
        """A module with fresh weights, different in every trunk and link.

        Raises:
            ValueError: the chain names what is no objective.
        """
        check_objectives(objectives)
        self.check(objectives)
        return InformationTransfer(shape.width, objectives, self)


class InformationTransfer(MixtureModule):
    """The module behind ``AITM``."""

    def __init__(self, input_width: int, objectives: Sequence[str], settings: AITM) -> None:
        super().__init__()
        self.objectives = tuple(objectives)
        self.output_width = settings.widths[-1]
        self.trunks = ParallelExperts(
            len(self.objectives), input_width, settings.widths, dropout=settings.dropout
        )
        self.steps = tuple(pairwise(name for name in settings.chain if name in self.objectives))
        self.links = nn.ModuleList(
            TransferLink(self.output_width, dropout=settings.dropout) for _ in self.steps
        )

    @property
    def gate_experts(self) -> dict[str, tuple[str, ...]]:
        """For each objective that hears from another: that one's message, and its own vector."""
        return {after: (f"from_{before}", after) for before, after in self.steps}

    def gate_weights(self, representation: Representation) -> dict[str, Tensor]:
        """How much each link takes of the message and of the objective's own vector, ``[B, 2]``."""
        return dict(zip(self.gate_experts, self._transfer(representation)[1], strict=True))

    def forward(self, representation: Representation) -> Tensor:
        """Each objective's vector after the transfer, ``[T, B, O]``."""
        return self._transfer(representation)[0]

    def _transfer(self, representation: Representation) -> tuple[Tensor, list[Tensor]]:
        vectors = dict(zip(self.objectives, self.trunks(representation.shared).unbind(), strict=True))
        weights = []
        for (before, after), link in zip(self.steps, self.links, strict=True):
            vectors[after], attention_B2 = link(vectors[before], vectors[after])
            weights.append(attention_B2)
        return torch.stack([vectors[name] for name in self.objectives]), weights


class TransferLink(nn.Module):
    """One step of the chain."""

    def __init__(self, width: int, *, dropout: float) -> None:
        super().__init__()
        self.message = nn.Linear(width, width)
        self.value = nn.Linear(width, width, bias=False)
        self.key = nn.Linear(width, width, bias=False)
        self.query = nn.Linear(width, width, bias=False)
        self.dropout = nn.Dropout(dropout)
        self.scale = 1.0 / math.sqrt(width)

    def forward(self, before_BO: Tensor, own_BO: Tensor) -> tuple[Tensor, Tensor]:
        """The vector that goes on ``[B, O]``, and what it took of message and own vector, ``[B, 2]``."""
        message_BO = self.dropout(torch.relu(self.message(before_BO)))
        both_B2O = torch.stack([message_BO, own_BO], dim=1)
        logits_B2 = (self.key(both_B2O) * self.query(both_B2O)).sum(-1) * self.scale
        attention_B2 = torch.softmax(logits_B2, dim=-1)
        return (attention_B2.unsqueeze(-1) * self.value(both_B2O)).sum(1), attention_B2
