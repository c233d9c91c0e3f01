"""Balancing by the gradients of the objectives: what the methods share.

T objectives.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import get_args

from torch import Tensor

from holdfast.objectives.balancing.balance import Balancer, GradientsAt, Step
from holdfast.objectives.balancing.preference import (
    check_numbers,
    check_preference,
    equal_preference,
    preference_vector,
    preferred_sum,
)


@dataclass(frozen=True, kw_only=True)
class GradientBalance:
    """Settings of every gradient method; a method adds how the weights follow.

    Attributes:
        preference: how much each objective counts, >= 0; what that means is the method's. At 0 an objective's
            tower learns, and shapes nothing that objectives share. It also weighs the losses that judge an
            epoch.
        gramian: where gradients are compared: ``representation``, the output of the interaction of
            embeddings, or ``parameters``, all weights below the towers (slow, one process; for checking).
    """

    preference: dict[str, float] = field(default_factory=equal_preference)
    gramian: str = "representation"

    def __post_init__(self) -> None:
        check_numbers("preference", self.preference)
        if self.gramian not in get_args(GradientsAt):
            raise ValueError(f"gramian is {self.gramian!r}; choose from {list(get_args(GradientsAt))}")

    def weights(self, gramian: Tensor, *, preference: Tensor, seed: int) -> Tensor:
        """Weights of the objectives, float64 ``[T]``.

        Args:
            gramian: inner products of the gradients, ``[T, T]``.
            preference: >= 0, ``[T]``.
            seed: for methods that draw.
        """
        raise TypeError(f"{type(self).__name__} does not define weights")

    def check(self, objectives: tuple[str, ...]) -> None:
        """Raise a ``ValueError`` where the preference does not fit the objectives."""
        check_preference(self.preference, objectives)

    def combine(self, losses: Mapping[str, Tensor]) -> Tensor:
        """The losses' sum weighted by the preference, a scalar: it judges an epoch and is not trained."""
        return preferred_sum(self.preference, losses)

    def build(self, objectives: tuple[str, ...]) -> Balancer:
        """What weighs the objectives of a training."""
        return GradientBalancer(self, objectives)


class GradientBalancer(Balancer):
    """Weighs by the gradients of the running batch alone.

    Args:
        balance: the method.
        objectives: in the order of the gradients.
    """

    weighs_towers = False

    def __init__(self, balance: GradientBalance, objectives: tuple[str, ...]) -> None:
        super().__init__()
        self.balance = balance
        self.gradients_at: GradientsAt = "parameters" if balance.gramian == "parameters" else "representation"
        self.preference = preference_vector(balance.preference, objectives)

    def weigh(self, step: Step) -> Tensor:
        """The method's weights for the batch, ``[T]``, on the CPU."""
        assert step.gramian is not None
        return self.balance.weights(step.gramian, preference=self.preference, seed=step.seed)
