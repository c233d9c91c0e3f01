"""Gates that can be looked at.

B rows, E experts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from torch import Tensor

from holdfast.core.representation import Representation


@runtime_checkable
class Gated(Protocol):
    """A mixture module whose gates say, row by row, how much they take of each expert.

    A gate is named after the objective that it serves. Where there are several levels of experts, the level
    comes first (``level_1/click``): gates whose names agree in all but the last part mix experts of the same
    level, and an expert's name is unique in its level.
    """

    @property
    def gate_experts(self) -> Mapping[str, tuple[str, ...]]:
        """The experts that each gate chooses from, by the gate's name, in the order of its weights."""
        ...

    def gate_weights(self, representation: Representation) -> dict[str, Tensor]:
        """What each gate takes of each of its experts, ``[B, E]``, >= 0; sums to 1 over the experts."""
        ...
