"""Balancing by the losses of the objectives: what the methods share.

T objectives.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor

from holdfast.core.errors import UserError
from holdfast.objectives.balancing.balance import Balancer
from holdfast.objectives.balancing.preference import check_objectives, equal_preference, preferred_sum


@dataclass(frozen=True, kw_only=True)
class LossBalance:
    """Settings of methods whose formula only makes sense for losses above a bound.

    Attributes:
        lower_bound: what each objective's loss is measured from; 0 where an objective is not named. The log
            loss of a density may be negative: name a value that it will not reach.
    """

    lower_bound: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for objective, bound in self.lower_bound.items():
            if not math.isfinite(bound):
                raise ValueError(f"lower_bound.{objective} is {bound}; it must be finite")

    def check(self, objectives: tuple[str, ...]) -> None:
        """Raise a ``ValueError`` where a bound is given for something that is no objective."""
        check_objectives("lower_bound", self.lower_bound, objectives, all_named=False)

    def combine(self, losses: Mapping[str, Tensor]) -> Tensor:
        """The losses' sum with equal weights, a scalar: it judges an epoch and is not trained."""
        return preferred_sum({**equal_preference(), **dict.fromkeys(losses, 1.0)}, losses)

    def build(self, objectives: tuple[str, ...]) -> Balancer:
        """What weighs the objectives of a training."""
        raise TypeError(f"{type(self).__name__} does not define build")


class BoundedLosses(Balancer):
    """A balancer that sees how far losses are above their bounds.

    Args:
        balance: the settings.
        objectives: in the order of the losses.
    """

    def __init__(self, balance: LossBalance, objectives: tuple[str, ...]) -> None:
        super().__init__()
        self.objectives = objectives
        self.bounds = [balance.lower_bound.get(objective, 0.0) for objective in objectives]

    def above_bound(self, losses: Tensor, present: Tensor) -> Tensor:
        """Losses less their bounds, float64 ``[T]``; 1 where an objective is not present.

        Raises:
            UserError: a loss is not above its bound.
        """
        losses = losses.detach().double()
        above = (losses - losses.new_tensor(self.bounds)).masked_fill(~present, 1.0)
        # Not a number is a training that diverged; that is told where the epoch is judged.
        if bool((above <= 0.0).any()):
            which = int(above.argmin())
            raise UserError(
                f"the loss of {self.objectives[which]} is {float(losses[which]):.4g}, and this balance needs "
                f"it above {self.bounds[which]:g}: lower objective.balance.lower_bound."
                f"{self.objectives[which]}, or choose another objective/balance"
            )
        return above
