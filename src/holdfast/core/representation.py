"""What lies between a model's inputs and its mixture.

B rows, F fields, W embedding width, D numeric inputs, T objectives, I width of the representation.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class EmbeddedFields:
    """Inputs as vectors of one width, and the numbers beside them.

    Attributes:
        vectors: one vector a field: categorical inputs, then pooled lists, ``[B, F, W]``.
        numeric: scaled numbers, ``[B, D]``.
    """

    vectors: Tensor
    numeric: Tensor


@dataclass(frozen=True, kw_only=True)
class FieldsShape:
    """What ``EmbeddedFields`` look like in every batch.

    Attributes:
        fields: names of the F vectors, in order.
        embedding_dim: W.
        num_numeric: D.
    """

    fields: tuple[str, ...]
    embedding_dim: int
    num_numeric: int


@dataclass(frozen=True, kw_only=True)
class RepresentationShape(FieldsShape):
    """What a ``Representation`` looks like in every batch.

    Attributes:
        width: I.
    """

    width: int


@dataclass(frozen=True)
class Representation:
    """What a mixture reads.

    Attributes:
        shared: what the interaction made of the embeddings that all objectives share, ``[B, I]``. Gradients
            of the objectives are compared here.
        own: the same of each objective's own embeddings, ``[T, B, I]``; None unless the mixture asks for it.
        fields: the shared embeddings before the interaction, ``[B, F, W]``, for gates that look at ids.
    """

    shared: Tensor
    own: Tensor | None
    fields: Tensor
