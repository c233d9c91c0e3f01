"""A sum with weights that never change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor

from holdfast.objectives.balancing.balance import Balancer
from holdfast.objectives.balancing.preference import check_numbers, equal_preference, preferred_sum


@dataclass(frozen=True, kw_only=True)
class StaticBalance:
    """A weighted sum with weights that never change.

    Attributes:
        weights: weight of each objective, >= 0. Objectives that a run does not train may be named too.
    """

    weights: dict[str, float] = field(default_factory=equal_preference)

    def __post_init__(self) -> None:
        check_numbers("weights", self.weights)

    def check(self, objectives: tuple[str, ...]) -> None:
        """Raise a ``ValueError`` where an objective has no weight, or nothing would be trained."""
        missing = [objective for objective in objectives if objective not in self.weights]
        if missing:
            raise ValueError(f"weights has no entry for {missing}; give each a weight, 0 to leave it out")
        if not any(self.weights[objective] > 0.0 for objective in objectives):
            raise ValueError(f"weights are 0 for all of {list(objectives)}; nothing would be trained")

    def combine(self, losses: Mapping[str, Tensor]) -> Tensor:
        """The weighted sum of the losses by objective, a scalar."""
        return preferred_sum(self.weights, losses)

    def build(self, objectives: tuple[str, ...]) -> Balancer | None:
        """Nothing weighs: the sum that judges is the sum that is trained."""
        return None
