"""Plain training."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class PlainMeans:
    """Losses are means over rows, wherever the rows come from."""

    @property
    def replaces_means(self) -> bool:
        """No: they stay."""
        return False

    def build(self, counts: Tensor) -> None:
        """Nothing."""
        return
