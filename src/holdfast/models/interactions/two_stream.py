"""Two dense streams over the same inputs, and their products.

B rows, I numbers in a row, H heads, X and Y widths of the two streams, O output width.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from holdfast.core.protocols import InteractionModule
from holdfast.core.representation import EmbeddedFields, FieldsShape
from holdfast.models.dense import check_dropout, check_widths, dense_layers
from holdfast.models.interactions.concatenation import flat_width, flattened
from holdfast.models.interactions.numeric_vectors import FRESH_SCALE


@dataclass(frozen=True, kw_only=True)
class TwoStream:
    r"""FinalMLP: two gated streams of dense layers, fused by a bilinear form in several heads.

    Each stream reads all inputs through a gate of its own, :math:`2 \sigma(g_k(c_k)) \odot x`, whose context
    :math:`c_k` is the embeddings of some fields, or a learned vector where none are named. The streams'
    outputs :math:`x, y` are cut into H pieces each, and

    .. math:: o = b + W_x x + W_y y + \sum_h x_h^\top W_h \, y_h

    The paper's o is one logit; here it has O numbers, which the mixture reads.

    Attributes:
        first_context: names of the fields that decide the first stream's gate; [] for a learned vector.
        second_context: the same of the second stream.
        gate_widths: widths of the layers inside each gate; [] for none.
        first_widths: widths of the first stream's layers.
        second_widths: widths of the second stream's layers.
        num_heads: H, at least 1; divides the last width of both streams.
        output_width: O, at least 1.
        dropout: share of a stream's units left out in training, in [0, 1).

    Source: Mao et al. (2023), AAAI.
    """

    first_context: list[str] = field(default_factory=list)
    second_context: list[str] = field(default_factory=list)
    gate_widths: list[int] = field(default_factory=lambda: [64])
    first_widths: list[int] = field(default_factory=lambda: [128, 64])
    second_widths: list[int] = field(default_factory=lambda: [128, 64])
    num_heads: int = 4
    output_width: int = 64
    dropout: float = 0.0

    def __post_init__(self) -> None:
        check_widths("gate_widths", self.gate_widths, at_least_one=False)
        for name in ("num_heads", "output_width"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1")
        for name in ("first_widths", "second_widths"):
            widths = getattr(self, name)
            check_widths(name, widths)
            if widths[-1] % self.num_heads:
                raise ValueError(
                    f"{name} ends with {widths[-1]}, which {self.num_heads} heads do not divide; change "
                    "num_heads or the last width"
                )
        check_dropout("dropout", self.dropout)

    def build(self, shape: FieldsShape) -> InteractionModule:
        """A module with fresh weights, different in the two streams.

        Raises:
            ValueError: a context names a field that the model does not have.
        """
        return FusedStreams(shape, self)


class FusedStreams(InteractionModule):
    """The module behind ``TwoStream``; ``output_width`` is O."""

    def __init__(self, shape: FieldsShape, settings: TwoStream) -> None:
        super().__init__()
        width = flat_width(shape)
        self.first_gate = FieldsGate(shape, settings.first_context, settings, name="first_context")
        self.first_stream = dense_layers(width, settings.first_widths, dropout=settings.dropout)
        self.second_gate = FieldsGate(shape, settings.second_context, settings, name="second_context")
        self.second_stream = dense_layers(width, settings.second_widths, dropout=settings.dropout)
        self.fusion = BilinearFusion(
            settings.first_widths[-1],
            settings.second_widths[-1],
            num_heads=settings.num_heads,
            output_width=settings.output_width,
        )
        self.output_width = settings.output_width

    def forward(self, fields: EmbeddedFields) -> Tensor:
        """The fused streams, ``[B, O]``."""
        row_BI = flattened(fields)
        first_BX = self.first_stream(row_BI * self.first_gate(fields.vectors))
        second_BY = self.second_stream(row_BI * self.second_gate(fields.vectors))
        fused_BO: Tensor = self.fusion(first_BX, second_BY)
        return fused_BO


class FieldsGate(nn.Module):
    """What a stream makes of each number of a row: a factor in (0, 2), 1 being 'as it is'."""

    def __init__(self, shape: FieldsShape, context: Sequence[str], settings: TwoStream, *, name: str) -> None:
        super().__init__()
        unknown = [each for each in context if each not in shape.fields]
        if unknown:
            raise ValueError(
                f"interaction.{name} names {unknown}, and the model has no such fields; choose from "
                f"{list(shape.fields)}, or [] for a learned vector"
            )
        self.places = [shape.fields.index(each) for each in context]
        width = max(1, len(self.places)) * shape.embedding_dim
        self.learned = None if self.places else nn.Parameter(torch.randn(1, width) * FRESH_SCALE)
        self.layers = dense_layers(width, settings.gate_widths)
        self.layers.append(nn.Linear([width, *settings.gate_widths][-1], flat_width(shape)))

    def forward(self, vectors_BFW: Tensor) -> Tensor:
        """The factors, ``[B, I]``, or ``[1, I]`` where they are the same in all rows."""
        if self.learned is not None:
            return 2.0 * torch.sigmoid(self.layers(self.learned))
        context = torch.cat([vectors_BFW[:, place] for place in self.places], dim=1)
        return 2.0 * torch.sigmoid(self.layers(context))


class BilinearFusion(nn.Module):
    """A linear map of two vectors, and the products of their pieces."""

    def __init__(self, first_width: int, second_width: int, *, num_heads: int, output_width: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.output_width = output_width
        self.first = nn.Linear(first_width, output_width)
        self.second = nn.Linear(second_width, output_width, bias=False)
        pieces = (first_width // num_heads, second_width // num_heads)
        # So that a sum over all pairs of numbers of order one is of order one.
        bound = 1.0 / math.sqrt(num_heads * pieces[0] * pieces[1])
        self.products = nn.Parameter(
            torch.empty(num_heads, pieces[0], pieces[1] * output_width).uniform_(-bound, bound)
        )

    def forward(self, first_BX: Tensor, second_BY: Tensor) -> Tensor:
        """The fused vector, ``[B, O]``."""
        first_HBX = torch.stack(first_BX.chunk(self.num_heads, dim=1))
        second_HBY = torch.stack(second_BY.chunk(self.num_heads, dim=1))
        # For each head a matrix [Y, O] a row, then a row vector times it.
        maps_HBYO = torch.bmm(first_HBX, self.products).view(*second_HBY.shape, self.output_width)
        products_BO = torch.matmul(second_HBY.unsqueeze(2), maps_HBYO).squeeze(2).sum(0)
        linear_BO: Tensor = self.first(first_BX) + self.second(second_BY)
        return linear_BO + products_BO
