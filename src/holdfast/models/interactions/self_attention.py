"""Self-attention over the fields of a row.

B rows, F fields, D numeric inputs, M = F + D fields altogether, W embedding width, H heads, A attention
width.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from holdfast.core.protocols import InteractionModule
from holdfast.core.representation import EmbeddedFields, FieldsShape
from holdfast.models.interactions.numeric_vectors import NumericVectors


@dataclass(frozen=True, kw_only=True)
class SelfAttention:
    r"""AutoInt: every field becomes a mixture of what all fields say, by several heads and layers.

    With :math:`E` the fields of a row, numeric inputs among them,

    .. math:: E' = \mathrm{ReLU}\big(\mathrm{Concat}_h\, \mathrm{softmax}(Q_h K_h^\top / \sqrt{A / H})\, V_h
              + E W_{res}\big)

    The mixture reads the last layer's M vectors side by side. The paper does not divide by the root; it is
    done here so that wider heads do not start out more certain.

    Attributes:
        num_layers: at least 1.
        num_heads: H, at least 1; divides the width.
        attention_width: A, width of a field after each layer, over all heads, at least 1.

    Source: Song et al. (2019), CIKM.
    """

    num_layers: int = 2
    num_heads: int = 2
    attention_width: int = 16

    def __post_init__(self) -> None:
        for name in ("num_layers", "num_heads", "attention_width"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1")
        if self.attention_width % self.num_heads:
            raise ValueError(
                f"attention_width is {self.attention_width}, which {self.num_heads} heads do not divide; "
                "change num_heads or attention_width"
            )

    def build(self, shape: FieldsShape) -> InteractionModule:
        """A module with fresh weights."""
        return AttendingFields(shape, self)


class AttendingFields(InteractionModule):
    """The module behind ``SelfAttention``; ``output_width`` is M * A."""

    def __init__(self, shape: FieldsShape, settings: SelfAttention) -> None:
        super().__init__()
        self.numeric = NumericVectors(shape)
        widths = [shape.embedding_dim] + [settings.attention_width] * settings.num_layers
        self.layers = nn.ModuleList(
            AttentionLayer(width, settings.attention_width, num_heads=settings.num_heads)
            for width in widths[:-1]
        )
        self.output_width = self.numeric.num_fields * settings.attention_width

    def forward(self, fields: EmbeddedFields) -> Tensor:
        """The last layer's fields side by side, ``[B, M * A]``."""
        fields_BMA = self.numeric(fields)
        for layer in self.layers:
            fields_BMA = layer(fields_BMA)
        flat_BI: Tensor = fields_BMA.flatten(1)
        return flat_BI


class AttentionLayer(nn.Module):
    """One layer: queries, keys and values of each field, and a residual."""

    def __init__(self, input_width: int, attention_width: int, *, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.scale = 1.0 / math.sqrt(attention_width // num_heads)
        # Queries, keys, values and the residual by one product.
        self.projection = nn.Linear(input_width, 4 * attention_width, bias=False)

    def forward(self, fields_BMW: Tensor) -> Tensor:
        """The attended fields, ``[B, M, A]``."""
        queries, keys, values, residual_BMA = self.projection(fields_BMW).chunk(4, dim=-1)
        queries, keys, values = (
            each.unflatten(-1, (self.num_heads, -1)).transpose(1, 2) for each in (queries, keys, values)
        )
        weights_BHMM = torch.softmax(torch.matmul(queries, keys.transpose(2, 3)) * self.scale, dim=-1)
        attended_BMA = torch.matmul(weights_BHMM, values).transpose(1, 2).flatten(2)
        return torch.relu(attended_BMA + residual_BMA)
