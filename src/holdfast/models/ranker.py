"""The ranker: embeddings, an interaction, a mixture, and for each objective a tower and a head.

B rows, P parameters of a head, T objectives, I width of the representation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from holdfast.core.batch import Inputs
from holdfast.core.features import InputSchema
from holdfast.core.protocols import Head, Interaction, Mixture, SequenceEncoder
from holdfast.core.random import derive_seed
from holdfast.core.representation import FieldsShape, Representation, RepresentationShape
from holdfast.models.calibration.output_calibration import OutputCalibration
from holdfast.models.dense import check_dropout, check_widths, dense_layers
from holdfast.models.embedding import InputEmbedding
from holdfast.models.interactions.concatenation import Concatenation


@dataclass(frozen=True, kw_only=True)
class RankerSettings:
    """Sizes of the parts that every ranker has.

    Attributes:
        embedding_dim: numbers that stand for one value of a categorical or list input.
        embedding_scale: standard deviation of a fresh embedding, > 0.
        sparse: whether gradients of embeddings hold only the rows that a batch touched. Turn it off only for
            vocabularies of a few thousand values.
        tower_widths: widths of the layers between the mixture and a head; [] for none.
        dropout: share of a tower's units left out in training, in [0, 1).
    """

    embedding_dim: int = 16
    embedding_scale: float = 0.05
    sparse: bool = True
    tower_widths: list[int] = field(default_factory=lambda: [64])
    dropout: float = 0.0

    def __post_init__(self) -> None:
        if self.embedding_dim < 1:
            raise ValueError(f"embedding_dim is {self.embedding_dim}; it must be at least 1")
        if not self.embedding_scale > 0.0:
            raise ValueError(f"embedding_scale is {self.embedding_scale}; it must be above 0")
        check_widths("tower_widths", self.tower_widths, at_least_one=False)
        check_dropout("dropout", self.dropout)


class Ranker(nn.Module):
    """Predicts every objective's distribution from one shared representation.

    Args:
        schema: the encoded inputs.
        settings: sizes.
        mixture: how the objectives share.
        heads: the distribution of each objective; their order is the order of the mixture's outputs.
        interaction: how the fields of a row meet; side by side by default.
        sequence: reads lists in order of time; by their mean by default.

    Raises:
        ValueError: there is no head, two heads give an output the same name, or a part does not fit the
            inputs or the objectives.
    """

    def __init__(
        self,
        schema: InputSchema,
        *,
        settings: RankerSettings,
        mixture: Mixture,
        heads: Mapping[str, Head],
        interaction: Interaction | None = None,
        sequence: SequenceEncoder | None = None,
    ) -> None:
        super().__init__()
        # Fitted after training; no weights of the model, so that its checkpoints do not depend on it.
        self.calibration: OutputCalibration | None = None
        self.schema = schema
        self.heads = dict(heads)
        self.output_names = _output_names(self.heads)
        self.sparse = settings.sparse
        self.embedding = InputEmbedding(
            schema,
            embedding_dim=settings.embedding_dim,
            scale=settings.embedding_scale,
            sparse=settings.sparse,
            sequence=sequence,
            num_sets=1 + len(self.heads) if mixture.own_embeddings else 1,
        )
        shape, meeting = self.embedding.shape, Concatenation() if interaction is None else interaction
        self.interaction = meeting.build(shape)
        self.own_interactions = nn.ModuleList(
            meeting.build(shape) for _ in range(self.embedding.num_sets - 1)
        )
        self.mixture = mixture.build(_with_width(shape, self.interaction.output_width), list(self.heads))
        self.towers = nn.ModuleDict()
        for objective, head in self.heads.items():
            tower = dense_layers(self.mixture.output_width, settings.tower_widths, dropout=settings.dropout)
            width = [self.mixture.output_width, *settings.tower_widths][-1]
            tower.append(nn.Linear(width, head.num_parameters))
            self.towers[objective] = tower

    @property
    def objectives(self) -> tuple[str, ...]:
        """The objectives, in the order of the heads."""
        return tuple(self.heads)

    def forward(self, inputs: Inputs) -> dict[str, Tensor]:
        """Parameters of each objective's distribution, float32 ``[B, P]`` also under mixed precision."""
        return self.parameters_of(self.represent(inputs))

    def represent(self, inputs: Inputs) -> Tensor:
        """What each objective's tower reads, ``[T, B, O]``."""
        return self.mix(self.embed(inputs))

    def embed(self, inputs: Inputs) -> Representation:
        """What the mixture reads."""
        shared, *own = self.embedding(inputs)
        own_BI = [meet(fields) for meet, fields in zip(self.own_interactions, own, strict=True)]
        return Representation(
            shared=self.interaction(shared),
            own=torch.stack(own_BI) if own_BI else None,
            fields=shared.vectors,
        )

    def mix(self, representation: Representation) -> Tensor:
        """What each objective's tower reads, ``[T, B, O]``, out of what ``embed`` gave."""
        mixed_TBO: Tensor = self.mixture(representation)
        return mixed_TBO

    def parameters_of(self, mixed_TBO: Tensor) -> dict[str, Tensor]:
        """Parameters of each objective's distribution, ``[B, P]``, out of what ``represent`` gave."""
        return {
            objective: _in_full_precision(tower(mixed_TBO[index]))
            for index, (objective, tower) in enumerate(self.towers.items())
        }

    def predict(self, inputs: Inputs) -> dict[str, Tensor]:
        """All outputs of all heads by name, ``[B]`` or ``[B, ...]``; calibrated where maps were fitted."""
        outputs: dict[str, Tensor] = {}
        for objective, parameters in self(inputs).items():
            outputs.update(self.heads[objective].predict(parameters, inputs.content_seconds))
        return outputs if self.calibration is None else self.calibration(outputs, inputs)

    def scores(self, inputs: Inputs) -> dict[str, Tensor]:
        """The output that ranks, ``[B]``, of each objective."""
        return self.scores_of(self.predict(inputs))

    def scores_of(self, outputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The output that ranks, ``[B]``, of each objective, out of what ``predict`` gave."""
        return {objective: outputs[head.score] for objective, head in self.heads.items()}

    def sparse_parameters(self) -> list[nn.Parameter]:
        """Parameters whose gradients are sparse."""
        table = self.embedding.table
        return list(table.parameters()) if self.sparse and table is not None else []

    def dense_parameters(self) -> list[nn.Parameter]:
        """All other parameters."""
        sparse = {id(parameter) for parameter in self.sparse_parameters()}
        return [parameter for parameter in self.parameters() if id(parameter) not in sparse]


def build_ranker(
    schema: InputSchema,
    *,
    settings: RankerSettings,
    mixture: Mixture,
    heads: Mapping[str, Head],
    seed: int,
    interaction: Interaction | None = None,
    sequence: SequenceEncoder | None = None,
) -> Ranker:
    """A ranker with fresh weights that depend on the arguments and on nothing else.

    The global random state is left as it was.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(seed, "weights"))
        return Ranker(
            schema,
            settings=settings,
            mixture=mixture,
            heads=heads,
            interaction=interaction,
            sequence=sequence,
        )


def _with_width(shape: FieldsShape, width: int) -> RepresentationShape:
    return RepresentationShape(
        fields=shape.fields,
        embedding_dim=shape.embedding_dim,
        num_numeric=shape.num_numeric,
        width=width,
    )


def _in_full_precision(parameters: Tensor) -> Tensor:
    """Losses and predictions lose digits in half precision; a double stays a double, for checks."""
    return parameters if parameters.dtype == torch.float64 else parameters.float()


def _output_names(heads: Mapping[str, Head]) -> dict[str, tuple[str, ...]]:
    if not heads:
        raise ValueError("a ranker needs at least one head; configure one under model.heads")
    owner: dict[str, str] = {}
    names: dict[str, tuple[str, ...]] = {}
    for objective, head in heads.items():
        names[objective] = tuple(head.predict(torch.zeros(1, head.num_parameters), torch.ones(1)))
        for name in names[objective]:
            if name in owner:
                raise ValueError(
                    f"the heads of {owner[name]!r} and {objective!r} both give an output {name!r}; "
                    "give one of them another name, or choose another head"
                )
            owner[name] = objective
    return names
