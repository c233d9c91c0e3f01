"""A trunk for each objective.

B rows, T objectives, O output width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from torch import Tensor

from holdfast.core.protocols import MixtureModule
from holdfast.core.representation import Representation, RepresentationShape
from holdfast.models.dense import check_dropout, check_widths
from holdfast.models.gating import check_objectives
from holdfast.models.parallel import ParallelExperts


@dataclass(frozen=True, kw_only=True)
class SingleTask:
    """No sharing but for the embeddings, and with ``own_embeddings`` none at all: what others must beat.

    With ``own_embeddings`` and a static balance, the objectives are separate models that happen to be trained
    side by side. The embeddings' table holds the shared vectors then too, and nothing reads or trains them.

    Attributes:
        widths: widths of each trunk's layers; the last one is O.
        dropout: share of the units left out in training, in [0, 1).
        own_embeddings: whether each objective has its own embeddings and interaction too.
    """

    widths: list[int] = field(default_factory=lambda: [128, 64])
    dropout: float = 0.0
    own_embeddings: bool = False

    def __post_init__(self) -> None:
        check_widths("widths", self.widths)
        check_dropout("dropout", self.dropout)

    def build(self, shape: RepresentationShape, objectives: Sequence[str]) -> MixtureModule:
        """A module with fresh weights, different in every trunk."""
        return SeparateTrunks(shape.width, objectives, self)


class SeparateTrunks(MixtureModule):
    """The module behind ``SingleTask``."""

    def __init__(self, input_width: int, objectives: Sequence[str], settings: SingleTask) -> None:
        super().__init__()
        check_objectives(objectives)
        self.trunks = ParallelExperts(len(objectives), input_width, settings.widths, dropout=settings.dropout)
        self.own_embeddings = settings.own_embeddings
        self.output_width = settings.widths[-1]

    def forward(self, representation: Representation) -> Tensor:
        """Each objective's trunk on its own embeddings, or on the shared ones, ``[T, B, O]``."""
        if not self.own_embeddings:
            shared_TBO: Tensor = self.trunks(representation.shared)
            return shared_TBO
        assert representation.own is not None, "the ranker gives own embeddings where they are asked for"
        own_TBO: Tensor = self.trunks(representation.own)
        if self.training:
            # Processes that train together wait for the gradient of every weight, so those of the shared
            # interaction get a gradient of zero rather than none.
            own_TBO = own_TBO + 0.0 * representation.shared.sum()
        return own_TBO
