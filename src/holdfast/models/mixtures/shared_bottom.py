"""One trunk that all objectives share.

B rows, T objectives, O output width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from torch import Tensor

from holdfast.core.protocols import MixtureModule
from holdfast.core.representation import Representation, RepresentationShape
from holdfast.models.dense import check_dropout, check_widths, dense_layers
from holdfast.models.gating import check_objectives


@dataclass(frozen=True, kw_only=True)
class SharedBottom:
    """The plainest mixture: every objective sees the same representation.

    Attributes:
        widths: widths of the trunk's layers; the last one is O.
        dropout: share of the units left out in training, in [0, 1).

    Source: Caruana (1997).
    """

    widths: list[int] = field(default_factory=lambda: [128, 64])
    dropout: float = 0.0

    def __post_init__(self) -> None:
        check_widths("widths", self.widths)
        check_dropout("dropout", self.dropout)

    @property
    def own_embeddings(self) -> bool:
        """Every objective reads the shared embeddings."""
        return False

    def build(self, shape: RepresentationShape, objectives: Sequence[str]) -> MixtureModule:
        """A module with fresh weights."""
        return SharedTrunk(shape.width, objectives, self)


class SharedTrunk(MixtureModule):
    """The module behind ``SharedBottom``."""

    def __init__(self, input_width: int, objectives: Sequence[str], settings: SharedBottom) -> None:
        super().__init__()
        check_objectives(objectives)
        self.trunk = dense_layers(input_width, settings.widths, dropout=settings.dropout)
        self.num_objectives = len(objectives)
        self.output_width = settings.widths[-1]

    def forward(self, representation: Representation) -> Tensor:
        """The trunk's output once an objective, ``[T, B, O]``."""
        shared_BO: Tensor = self.trunk(representation.shared)
        return shared_BO.expand(self.num_objectives, *shared_BO.shape)
