"""Gates that can be looked at.

B rows, E experts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from torch import Tensor

from holdfast.core.representation import Representation

PREFIX = "gates"
"""First part of the names under which an epoch's use of experts is logged."""
ENTROPY = "entropy"
"""What a gate's entropy is logged as, beside its experts."""
SHARED = "shared"
"""What experts and gates are called that belong to all objectives."""
UNUSED_BELOW = 0.01
"""Mean weight below which an expert counts for nothing in a gate."""


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


def gate_use(values: Mapping[str, float]) -> dict[str, dict[str, float]]:
    """Mean weights of experts by gate, entropy among them, out of one epoch's logged values by name."""
    found: dict[str, dict[str, float]] = {}
    for name, value in values.items():
        kind, _, rest = name.partition("/")
        if kind == PREFIX:
            gate, _, expert = rest.rpartition("/")
            found.setdefault(gate, {})[expert] = value
    return found


def unused_experts(values: Mapping[str, float]) -> tuple[str, ...]:
    """Experts of which every gate that could takes less than one per cent, out of one epoch's logged values.

    Where there are several levels, the level is named: ``level_1/shared_0``.
    """
    largest: dict[str, float] = {}
    for gate, use in gate_use(values).items():
        level = gate.rpartition("/")[0]
        for expert, weight in use.items():
            if expert != ENTROPY:
                name = f"{level}/{expert}" if level else expert
                largest[name] = max(weight, largest.get(name, 0.0))
    return tuple(name for name, weight in largest.items() if weight < UNUSED_BELOW)
