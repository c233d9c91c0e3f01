"""Explicit crosses of all inputs, one order more with each layer.

B rows, I numbers in a row, R rank.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from holdfast.core.protocols import InteractionModule
from holdfast.core.representation import EmbeddedFields, FieldsShape
from holdfast.models.interactions.concatenation import flat_width, flattened


@dataclass(frozen=True, kw_only=True)
class CrossNetwork:
    r"""The cross network of DCN-v2, stacked below the mixture, which is its deep part.

    With the fields and numeric inputs side by side as :math:`x_0`,

    .. math:: x_{l+1} = x_0 \odot (W_l x_l + b_l) + x_l

    so that layer l holds products of up to l + 1 inputs. With a rank, :math:`W_l = U_l V_l`, which costs
    2 I R instead of I * I weights a layer. The paper's mixture of several low-rank maps is not here.

    Attributes:
        num_layers: of crosses, at least 1.
        rank: R, of each layer's matrix, at least 1 and below half of I, where it starts to save; null for a
            full matrix.

    Source: Wang et al. (2021), WWW.
    """

    num_layers: int = 2
    rank: int | None = None

    def __post_init__(self) -> None:
        if self.num_layers < 1:
            raise ValueError(
                f"num_layers is {self.num_layers}; a cross network needs at least 1 layer "
                "(model/interaction=none has none)"
            )
        if self.rank is not None and self.rank < 1:
            raise ValueError(f"rank is {self.rank}; it must be at least 1, or null for full matrices")

    def build(self, shape: FieldsShape) -> InteractionModule:
        """A module with fresh weights.

        Raises:
            ValueError: the rank is so large that it would cost more than full matrices.
        """
        width = flat_width(shape)
        if self.rank is not None and 2 * self.rank >= width:
            saves = f"at most {(width - 1) // 2}, or null" if width > 2 else "null"
            raise ValueError(
                f"interaction.rank is {self.rank}, and a row has {width} numbers: two factors of this rank "
                f"cost as much as a full matrix; choose {saves}"
            )
        return Crosses(width, self)


class Crosses(InteractionModule):
    """The module behind ``CrossNetwork``; ``output_width`` is I."""

    def __init__(self, width: int, settings: CrossNetwork) -> None:
        super().__init__()
        self.layers = nn.ModuleList(_matrix(width, settings.rank) for _ in range(settings.num_layers))
        self.output_width = width

    def forward(self, fields: EmbeddedFields) -> Tensor:
        """The last layer, ``[B, I]``."""
        first_BI = flattened(fields)
        crossed_BI = first_BI
        for layer in self.layers:
            crossed_BI = first_BI * layer(crossed_BI) + crossed_BI
        return crossed_BI


def _matrix(width: int, rank: int | None) -> nn.Module:
    if rank is None:
        return nn.Linear(width, width)
    return nn.Sequential(nn.Linear(width, rank, bias=False), nn.Linear(rank, width))
