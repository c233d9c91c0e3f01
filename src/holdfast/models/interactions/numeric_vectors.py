"""Numeric inputs as vectors, for interactions that work on fields.

B rows, F fields, D numeric inputs, M = F + D fields altogether, W embedding width.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from holdfast.core.representation import EmbeddedFields, FieldsShape

FRESH_SCALE = 0.05
"""Standard deviation of a fresh vector: that of a fresh embedding by default."""


class NumericVectors(nn.Module):
    """Makes a field of each numeric input: a learned vector times its value.

    Source: Song et al. (2019).
    """

    def __init__(self, shape: FieldsShape) -> None:
        super().__init__()
        self.num_fields = len(shape.fields) + shape.num_numeric
        # None rather than an empty one: an optimiser need not know what to do with a weight of no numbers.
        self.weight = (
            nn.Parameter(torch.randn(shape.num_numeric, shape.embedding_dim) * FRESH_SCALE)
            if shape.num_numeric
            else None
        )

    def forward(self, fields: EmbeddedFields) -> Tensor:
        """The fields, then one a numeric input, ``[B, M, W]``."""
        if self.weight is None:
            return fields.vectors
        return torch.cat([fields.vectors, fields.numeric.unsqueeze(-1) * self.weight], dim=1)
