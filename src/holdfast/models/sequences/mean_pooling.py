"""The mean of what is in a list.

B rows, L values of a list, W embedding width.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from holdfast.core.protocols import SequenceModule


@dataclass(frozen=True, kw_only=True)
class MeanPooling:
    """The plainest sequence encoder: the mean of the events, whatever their order."""

    def build(self, length: int, embedding_dim: int) -> SequenceModule:
        """A module without weights."""
        return PooledMean()


class PooledMean(SequenceModule):
    """The module behind ``MeanPooling``."""

    def forward(
        self, events_BLW: Tensor, present_BL: Tensor, target_BW: Tensor, gaps_BLW: Tensor | None
    ) -> Tensor:
        """The mean of the events, ``[B, W]``."""
        return mean_of_present(events_BLW, present_BL)


def mean_of_present(values_BLW: Tensor, present_BL: Tensor) -> Tensor:
    """The mean of the values that are present, ``[B, W]``; zeros where none is."""
    # Masked first: what stands in the padding must reach neither the mean nor a gradient.
    total_BW = values_BLW.masked_fill(~present_BL.unsqueeze(-1), 0.0).sum(1)
    return total_BW / present_BL.sum(1, keepdim=True).to(values_BLW.dtype).clamp(min=1.0)
