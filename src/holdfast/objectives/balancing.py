"""How the losses of several objectives become one."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class StaticBalance:
    """A weighted sum with weights that never change.

    Attributes:
        weights: weight of each objective, >= 0. Objectives that a run does not train may be named too.
    """

    weights: dict[str, float] = field(default_factory=lambda: {"click": 1.0, "dwell": 1.0, "retention": 1.0})

    def __post_init__(self) -> None:
        for objective, weight in self.weights.items():
            if not 0.0 <= weight < math.inf:
                raise ValueError(f"weights.{objective} is {weight}; it must be finite and at least 0")

    def check(self, objectives: tuple[str, ...]) -> None:
        """Raise a ``ValueError`` where an objective has no weight, or nothing would be trained."""
        missing = [objective for objective in objectives if objective not in self.weights]
        if missing:
            raise ValueError(f"weights has no entry for {missing}; give each a weight, 0 to leave it out")
        if not any(self.weights[objective] > 0.0 for objective in objectives):
            raise ValueError(f"weights are 0 for all of {list(objectives)}; nothing would be trained")

    def combine(self, losses: Mapping[str, Tensor]) -> Tensor:
        """The weighted sum of the losses by objective, a scalar."""
        terms = [self.weights[objective] * loss for objective, loss in losses.items()]
        total = terms[0]
        for term in terms[1:]:
            total = total + term
        return total
