"""Smooth Tchebycheff: the worst of the losses, without the corner.

T objectives.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from holdfast.objectives.balancing.balance import Balancer, Step
from holdfast.objectives.balancing.preference import (
    check_numbers,
    check_objectives,
    check_preference,
    equal_preference,
    preference_vector,
    preferred_sum,
)


def smooth_tchebycheff(
    losses: Tensor, *, preference: Tensor, reference: Tensor, mu: float, present: Tensor
) -> Tensor:
    r"""A smooth upper bound of the largest weighted distance from a reference point.

    .. math:: \mu \ln \sum_k m_k \exp \big( p_k (L_k - z_k) / \mu \big)

    Args:
        losses: L, ``[T]``; anything where not present.
        preference: p >= 0, of sum 1, ``[T]``; objectives with 0 are left out.
        reference: z, losses that one would be content with, ``[T]``.
        mu: > 0; towards 0 only the worst objective counts, and towards infinity all count by p.
        present: m, False for objectives without a known row, ``[T]``.

    Returns:
        A scalar; 0 where no objective is present.

    Source: Lin et al. (2024).
    """
    counted = present & (preference > 0.0)
    if not bool(counted.any()):
        return torch.zeros_like(preference.sum())
    distance = preference * (losses.masked_fill(~counted, 0.0) - reference) / mu
    return mu * torch.logsumexp(distance.masked_fill(~counted, -math.inf), dim=0)


@dataclass(frozen=True, kw_only=True)
class SmoothTchebycheff:
    """The worst of the losses without the corner: reaches every point of the Pareto front, by the preference.

    Attributes:
        preference: how much each objective counts, >= 0; it also weighs the losses that judge an epoch.
        reference: loss of each objective that one would be content with; 0 where it is not named.
        mu: > 0, in nats; towards 0 only the worst objective counts.
    """

    preference: dict[str, float] = field(default_factory=equal_preference)
    reference: dict[str, float] = field(default_factory=dict)
    mu: float = 1.0

    def __post_init__(self) -> None:
        check_numbers("preference", self.preference)
        for objective, value in self.reference.items():
            if not math.isfinite(value):
                raise ValueError(f"reference.{objective} is {value}; it must be finite")
        if not 0.0 < self.mu < math.inf:
            raise ValueError(f"mu is {self.mu}; it must be above 0 and finite")

    def check(self, objectives: tuple[str, ...]) -> None:
        """Raise a ``ValueError`` where the preference or the reference does not fit the objectives."""
        check_preference(self.preference, objectives)
        check_objectives("reference", self.reference, objectives, all_named=False)

    def combine(self, losses: Mapping[str, Tensor]) -> Tensor:
        """The losses' sum weighted by the preference, a scalar: it judges an epoch and is not trained."""
        return preferred_sum(self.preference, losses)

    def build(self, objectives: tuple[str, ...]) -> Balancer:
        """What weighs the objectives of a training."""
        return SmoothTchebycheffBalancer(self, objectives)


class SmoothTchebycheffBalancer(Balancer):
    """Weighs by the losses of the running batch alone."""

    preference: Tensor
    reference: Tensor

    def __init__(self, balance: SmoothTchebycheff, objectives: tuple[str, ...]) -> None:
        super().__init__()
        self.mu = balance.mu
        liking = preference_vector(balance.preference, objectives)
        reference = [balance.reference.get(objective, 0.0) for objective in objectives]
        # Settings, no state: what a configuration says must not be overruled by a checkpoint.
        self.register_buffer("preference", liking / liking.sum(), persistent=False)
        self.register_buffer("reference", torch.tensor(reference, dtype=torch.float64), persistent=False)

    def weigh(self, step: Step) -> Tensor:
        """The derivative of ``smooth_tchebycheff`` by the losses."""
        counted = step.present & (self.preference > 0.0)
        distance = self.preference * (step.losses.double() - self.reference) / self.mu
        shares = torch.softmax(distance.masked_fill(~counted, -1e30), dim=0)
        return (self.preference * shares).masked_fill(~counted, 0.0)
