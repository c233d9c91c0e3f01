"""Attention of the row's own item to what the user did before.

B rows, L events of a list, W embedding width.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from holdfast.core.protocols import SequenceModule
from holdfast.models.dense import check_widths


@dataclass(frozen=True, kw_only=True)
class TargetAttention:
    r"""A sum of the events in which those that matter for the row's own item count more.

    .. math:: \sum_l a(e_l, v) \, e_l, \quad a = \mathrm{MLP}([v, e_l, v - e_l, v \odot e_l])

    v is the embedding of the row's own value in the vocabulary of the events, and zero where the row has
    none: then the events are weighed by themselves. As published, the weights are not normalised, so that
    many events that matter give a longer vector than one. Neither the order nor the age of events counts.

    Source: Zhou et al. (2018).

    Attributes:
        widths: of the attention unit's hidden layers, each followed by a PReLU.
        softmax: whether the weights of a row are normalised to sum to 1.
    """

    widths: list[int] = field(default_factory=lambda: [36])
    softmax: bool = False

    def __post_init__(self) -> None:
        check_widths("widths", self.widths)

    def build(self, length: int, embedding_dim: int) -> SequenceModule:
        """A module with fresh weights; it takes lists of any length."""
        return TargetAttentionModule(embedding_dim, widths=self.widths, softmax=self.softmax)


class TargetAttentionModule(SequenceModule):
    """The module behind ``TargetAttention``."""

    def __init__(self, embedding_dim: int, *, widths: list[int], softmax: bool) -> None:
        super().__init__()
        self.softmax = softmax
        layers: list[nn.Module] = []
        width = 4 * embedding_dim
        for next_width in widths:
            layers += [nn.Linear(width, next_width), nn.PReLU()]
            width = next_width
        self.unit = nn.Sequential(*layers, nn.Linear(width, 1))

    def forward(
        self, events_BLW: Tensor, present_BL: Tensor, target_BW: Tensor, gaps_BLW: Tensor | None
    ) -> Tensor:
        """The weighted sum of the events, ``[B, W]``; the gaps are not looked at."""
        # Masked first: what stands in the padding must reach neither the sum nor a gradient.
        events_BLW = events_BLW.masked_fill(~present_BL.unsqueeze(-1), 0.0)
        weights_BL = self.weights(events_BLW, present_BL, target_BW)
        return (weights_BL.unsqueeze(-1) * events_BLW).sum(1)

    def weights(self, events_BLW: Tensor, present_BL: Tensor, target_BW: Tensor) -> Tensor:
        """What each event counts, ``[B, L]``; 0 for padding."""
        target_BLW = target_BW.unsqueeze(1).expand_as(events_BLW)
        compared = [target_BLW, events_BLW, target_BLW - events_BLW, target_BLW * events_BLW]
        scores_BL: Tensor = self.unit(torch.cat(compared, dim=-1)).squeeze(-1)
        if self.softmax:
            # The lowest number instead of minus infinity: a row of padding alone would be NaN.
            scores_BL = scores_BL.masked_fill(~present_BL, torch.finfo(scores_BL.dtype).min).softmax(dim=1)
        return scores_BL.masked_fill(~present_BL, 0.0)
