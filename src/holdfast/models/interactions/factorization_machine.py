"""Products of all pairs of fields.

B rows, F fields, D numeric inputs, M = F + D fields altogether, W embedding width.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from holdfast.core.protocols import InteractionModule
from holdfast.core.representation import EmbeddedFields, FieldsShape
from holdfast.models.interactions.concatenation import flat_width, flattened
from holdfast.models.interactions.numeric_vectors import NumericVectors


@dataclass(frozen=True, kw_only=True)
class FactorizationMachine:
    r"""The fields side by side, and beside them the sum of the products of all their pairs.

    .. math:: \sum_{i < j} v_i \odot v_j = \frac{1}{2} \Big[\big(\sum_i v_i\big)^2 - \sum_i v_i^2\Big]

    The sum of these W numbers is the second-order term of a factorization machine. DeepFM adds that sum to
    the click's logit; here the mixture reads the W numbers, so that every objective finds its own use for
    them. Its deep part is the mixture, which reads the fields too, and with them first-order effects; there
    is no weight a value beside the embeddings.

    Source: Guo et al. (2017), IJCAI.
    """

    def build(self, shape: FieldsShape) -> InteractionModule:
        """A module with fresh weights."""
        return FieldsAndPairs(shape)


class FieldsAndPairs(InteractionModule):
    """The module behind ``FactorizationMachine``; ``output_width`` is F * W + D + W."""

    def __init__(self, shape: FieldsShape) -> None:
        super().__init__()
        self.numeric = NumericVectors(shape)
        self.output_width = flat_width(shape) + shape.embedding_dim

    def forward(self, fields: EmbeddedFields) -> Tensor:
        """Fields and numeric inputs, then the products of pairs, ``[B, F * W + D + W]``."""
        return torch.cat([flattened(fields), sum_of_pairs(self.numeric(fields))], dim=1)


def sum_of_pairs(vectors_BMW: Tensor) -> Tensor:
    """The sum over all pairs of two different fields of their product, ``[B, W]``; zeros for one field."""
    return (vectors_BMW.sum(1).square() - vectors_BMW.square().sum(1)) / 2
