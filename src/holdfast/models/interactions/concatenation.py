"""No interaction: the fields side by side.

B rows, F fields, W embedding width, D numeric inputs.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from holdfast.core.protocols import InteractionModule
from holdfast.core.representation import EmbeddedFields, FieldsShape


@dataclass(frozen=True, kw_only=True)
class Concatenation:
    """The fields side by side; the mixture's own layers have to find out what they mean together."""

    def build(self, shape: FieldsShape) -> InteractionModule:
        """A module without weights."""
        return Concatenated(shape)


class Concatenated(InteractionModule):
    """The module behind ``Concatenation``; ``output_width`` is F * W + D."""

    def __init__(self, shape: FieldsShape) -> None:
        super().__init__()
        self.output_width = flat_width(shape)

    def forward(self, fields: EmbeddedFields) -> Tensor:
        """Field after field, then the numeric inputs, ``[B, F * W + D]``."""
        return flattened(fields)


def flattened(fields: EmbeddedFields) -> Tensor:
    """Field after field, then the numeric inputs, ``[B, F * W + D]``."""
    return torch.cat([fields.vectors.flatten(1), fields.numeric], dim=1)


def flat_width(shape: FieldsShape) -> int:
    """Numbers in a row of ``flattened``."""
    return len(shape.fields) * shape.embedding_dim + shape.num_numeric
