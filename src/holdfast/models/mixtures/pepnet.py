"""Personalised gates on a representation and on the layers of each objective.

B rows, F fields, W embedding width, I input width, T objectives, P width of the prior, H width of a layer,
O output width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import torch
from torch import Tensor, nn

from holdfast.core.protocols import MixtureModule
from holdfast.core.representation import Representation, RepresentationShape
from holdfast.models.dense import check_dropout, check_widths
from holdfast.models.gating import check_objectives
from holdfast.models.parallel import ParallelLinear


@dataclass(frozen=True, kw_only=True)
class PEPNet:
    r"""A trunk for each objective, whose every unit is turned up or down by who is asked about what.

    The prior e is made of the shared embeddings of a few fields. With the gate unit
    :math:`G(x) = 2 \sigma(W' \mathrm{ReLU}(W x + b) + b')`, the representation x passes EPNet's gate, and
    each layer of each objective's trunk one of PPNet's:

    .. math::
        o &= G_0([e, \mathrm{sg}(x)]) \odot x \\
        h_t^{(1)} &= G_1([e, \mathrm{sg}(o)])_t \odot \mathrm{ReLU}(W_t^{(1)} o + b_t^{(1)}), \; \ldots

    sg: no gradient flows back. The prior itself is trained through the gates. The paper gates what goes into
    a layer, and the first layer's input for each objective too; here a gate stands behind each layer, so that
    the last one gates what the tower reads. There is one prior: EPNet has no domain features of its own.

    These gates turn units and do not choose among experts, so there is no use of experts to be shown.

    Attributes:
        widths: widths of each trunk's layers; the last one is O.
        prior: names of categorical or list inputs; those that the model has are used.
        gate_width: width of the hidden layer of each gate unit, at least 1.
        dropout: share of the units left out in training, in [0, 1).

    Source: Chang et al. (2023), KDD.
    """

    widths: list[int] = field(default_factory=lambda: [128, 64])
    prior: list[str] = field(default_factory=lambda: ["user_id", "item_id"])
    gate_width: int = 64
    dropout: float = 0.0

    def __post_init__(self) -> None:
        check_widths("widths", self.widths)
        check_dropout("dropout", self.dropout)
        if self.gate_width < 1:
            raise ValueError(f"gate_width is {self.gate_width}; it must be at least 1")
        if not self.prior or len(set(self.prior)) < len(self.prior):
            raise ValueError(f"prior is {list(self.prior)}; name at least one input, and each once")

    @property
    def own_embeddings(self) -> bool:
        """Every objective reads the shared embeddings."""
        return False

    def build(self, shape: RepresentationShape, objectives: Sequence[str]) -> MixtureModule:
        """A module with fresh weights, different in every trunk.

        Raises:
            ValueError: the model has none of the inputs of the prior.
        """
        return PersonalisedTrunks(shape, objectives, self)


class PersonalisedTrunks(MixtureModule):
    """The module behind ``PEPNet``."""

    prior_fields: Tensor

    def __init__(self, shape: RepresentationShape, objectives: Sequence[str], settings: PEPNet) -> None:
        super().__init__()
        check_objectives(objectives)
        places = [shape.fields.index(name) for name in settings.prior if name in shape.fields]
        if not places:
            raise ValueError(
                f"prior is {list(settings.prior)}, and the model has none of these inputs; choose from "
                f"{list(shape.fields)}"
            )
        # Not in the checkpoint: the settings and the schema say it.
        self.register_buffer("prior_fields", torch.tensor(places), persistent=False)
        num_objectives = len(objectives)
        width = len(places) * shape.embedding_dim + shape.width
        self.representation_gate = GateUnit(width, settings.gate_width, shape.width)
        self.layers = nn.ModuleList(
            ParallelLinear(num_objectives, before, after)
            for before, after in pairwise([shape.width, *settings.widths])
        )
        self.layer_gates = nn.ModuleList(
            GateUnit(width, settings.gate_width, num_objectives * after) for after in settings.widths
        )
        self.dropout = nn.Dropout(settings.dropout)
        self.num_objectives = num_objectives
        self.output_width = settings.widths[-1]

    def forward(self, representation: Representation) -> Tensor:
        """Each objective's trunk, gated row by row, ``[T, B, O]``."""
        prior_BP = representation.fields.index_select(1, self.prior_fields).flatten(1)
        shared_BI = representation.shared
        gates_BI: Tensor = self.representation_gate(torch.cat([prior_BP, shared_BI.detach()], dim=1))
        gated_BI = gates_BI * shared_BI
        asked_BX = torch.cat([prior_BP, gated_BI.detach()], dim=1)
        hidden_TBH: Tensor = gated_BI.expand(self.num_objectives, *gated_BI.shape)
        for layer, gate in zip(self.layers, self.layer_gates, strict=True):
            gates_TBH = gate(asked_BX).unflatten(1, (self.num_objectives, -1)).transpose(0, 1)
            hidden_TBH = self.dropout(gates_TBH * torch.relu(layer(hidden_TBH)))
        return hidden_TBH


class GateUnit(nn.Module):
    """Two layers whose outputs lie in (0, 2), near 1 with fresh weights: PEPNet's gate neural unit."""

    def __init__(self, input_width: int, hidden_width: int, output_width: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(input_width, hidden_width)
        self.output = nn.Linear(hidden_width, output_width)

    def forward(self, inputs_BX: Tensor) -> Tensor:
        """By what each unit is multiplied, ``[B, output_width]``."""
        return 2.0 * torch.sigmoid(self.output(torch.relu(self.hidden(inputs_BX))))
