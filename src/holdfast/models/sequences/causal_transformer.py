"""Self-attention over what the user did before, in which no event sees a later one.

B rows, L events of a list, W embedding width, H attention heads.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from holdfast.core.protocols import SequenceModule
from holdfast.models.dense import check_dropout

_POSITION_SCALE = 0.02
"""Standard deviation of a fresh position."""


@dataclass(frozen=True, kw_only=True)
class CausalTransformer:
    """Layers of self-attention, read out at the most recent event.

    To each event its position is added, counted from the most recent one, and the embedded time from the
    event to the row, where the data tell. Layers normalise first; each event attends to itself and to earlier
    ones. The row's own item is not looked at.

    Source: Vaswani et al. (2017); for recommendation Kang and McAuley (2018).

    Attributes:
        num_layers: at least 1.
        num_heads: H; it must divide the embedding width.
        feedforward_width: width of the hidden layer after each attention.
        dropout: share of the embedded events, and of what attention and hidden layers add, that is left out
            in training, in [0, 1).
    """

    num_layers: int = 2
    num_heads: int = 2
    feedforward_width: int = 64
    dropout: float = 0.0

    def __post_init__(self) -> None:
        for name in ("num_layers", "num_heads", "feedforward_width"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1")
        check_dropout("dropout", self.dropout)

    def build(self, length: int, embedding_dim: int) -> SequenceModule:
        """A module with fresh weights for lists of at most ``length`` events.

        Raises:
            ValueError: ``num_heads`` does not divide ``embedding_dim``.
        """
        if embedding_dim % self.num_heads:
            raise ValueError(
                f"num_heads of the sequence encoder is {self.num_heads}, which does not divide "
                f"embedding_dim, {embedding_dim}; change one of them"
            )
        return CausalTransformerModule(length, embedding_dim, settings=self)


class CausalTransformerModule(SequenceModule):
    """The module behind ``CausalTransformer``."""

    def __init__(self, length: int, embedding_dim: int, *, settings: CausalTransformer) -> None:
        super().__init__()
        self.positions = nn.Embedding(length, embedding_dim)
        nn.init.normal_(self.positions.weight, std=_POSITION_SCALE)
        self.dropout = nn.Dropout(settings.dropout)
        self.layers = nn.ModuleList(
            _Layer(embedding_dim, settings=settings) for _ in range(settings.num_layers)
        )
        self.norm = nn.LayerNorm(embedding_dim)

    def forward(
        self, events_BLW: Tensor, present_BL: Tensor, target_BW: Tensor, gaps_BLW: Tensor | None
    ) -> Tensor:
        """What the most recent event has gathered, ``[B, W]``; the target is not looked at."""
        read_BLW = self.encode(events_BLW, present_BL, gaps_BLW)
        # All but one are 0; an empty list has none, and its sum is 0.
        most_recent_BL = present_BL & (_num_later(present_BL) == 0)
        return read_BLW.masked_fill(~most_recent_BL.unsqueeze(-1), 0.0).sum(1)

    def encode(self, events_BLW: Tensor, present_BL: Tensor, gaps_BLW: Tensor | None) -> Tensor:
        """What each event gathers from itself and those before, ``[B, L, W]``; anything in padding."""
        position_BLW = self.positions(_num_later(present_BL))
        hidden_BLW = events_BLW + position_BLW if gaps_BLW is None else events_BLW + position_BLW + gaps_BLW
        # Masked first: what stands in the padding must reach neither a value nor a gradient.
        hidden_BLW = self.dropout(hidden_BLW.masked_fill(~present_BL.unsqueeze(-1), 0.0))
        visible_BLL = _visible(present_BL)
        for layer in self.layers:
            hidden_BLW = layer(hidden_BLW, visible_BLL)
        read_BLW: Tensor = self.norm(hidden_BLW)
        return read_BLW


class _Layer(nn.Module):
    """Self-attention and a hidden layer; each reads what is normalised and adds to what is there."""

    def __init__(self, embedding_dim: int, *, settings: CausalTransformer) -> None:
        super().__init__()
        self.num_heads = settings.num_heads
        self.norm_attention = nn.LayerNorm(embedding_dim)
        self.query_key_value = nn.Linear(embedding_dim, 3 * embedding_dim)
        self.attended = nn.Linear(embedding_dim, embedding_dim)
        self.norm_feedforward = nn.LayerNorm(embedding_dim)
        self.feedforward = nn.Sequential(
            nn.Linear(embedding_dim, settings.feedforward_width),
            nn.ReLU(),
            nn.Linear(settings.feedforward_width, embedding_dim),
        )
        self.dropout = nn.Dropout(settings.dropout)

    def forward(self, hidden_BLW: Tensor, visible_BLL: Tensor) -> Tensor:
        hidden_BLW = hidden_BLW + self.dropout(self._attention(self.norm_attention(hidden_BLW), visible_BLL))
        added_BLW: Tensor = self.dropout(self.feedforward(self.norm_feedforward(hidden_BLW)))
        return hidden_BLW + added_BLW

    def _attention(self, hidden_BLW: Tensor, visible_BLL: Tensor) -> Tensor:
        # In the open instead of a fused kernel: lists are short, and some kernels' gradients differ from
        # call to call on a GPU, so that a run that goes on would not be the run that was stopped.
        query, key, value = (
            each.unflatten(-1, (self.num_heads, -1)).transpose(1, 2)
            for each in self.query_key_value(hidden_BLW).chunk(3, dim=-1)
        )
        scores_BHLL = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])
        # Every event sees itself at least, also in padding, so no row of the softmax is empty.
        weights_BHLL = scores_BHLL.masked_fill(~visible_BLL.unsqueeze(1), -torch.inf).softmax(dim=-1)
        attended_BLW: Tensor = self.attended((weights_BHLL @ value).transpose(1, 2).flatten(2))
        return attended_BLW


def _num_later(present_BL: Tensor) -> Tensor:
    """How many present events come after each place, int64 ``[B, L]``: 0 for the most recent one."""
    here_BL = present_BL.long()
    return here_BL.sum(1, keepdim=True) - here_BL.cumsum(1)


def _visible(present_BL: Tensor) -> Tensor:
    """Whether the event of a row of the matrix may look at that of a column, ``[B, L, L]``."""
    place = torch.arange(present_BL.shape[1], device=present_BL.device)
    earlier_LL = place.unsqueeze(1) > place
    itself_LL = place.unsqueeze(1) == place
    return (present_BL.unsqueeze(1) & earlier_LL) | itself_LL
