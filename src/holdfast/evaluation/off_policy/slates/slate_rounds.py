"""What an estimator sees of a log of slates: one weight and one reward per slot.

Q slates, K slots.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from holdfast.core.arrays import Floats
from holdfast.evaluation.off_policy.rounds import BoundedTerms


@dataclass(frozen=True)
class SlateRounds:
    """Logged slates under one evaluation policy, one objective and one family of weights.

    Attributes:
        weights: of each slot, ``[K, Q]``.
        rewards: of each slot, ``[K, Q]``.
        weight: the weights of one slot, by which the log's reach is judged, ``[Q]``.
        predicted: a model's prediction at the logged item, of what this slot and the later ones bring in,
            ``[K, Q]``; None without a model.
        expected: its average over the evaluation policy's items given the earlier slots, ``[K, Q]``; None
            without a model.
    """

    weights: Floats
    rewards: Floats
    weight: Floats
    predicted: Floats | None = None
    expected: Floats | None = None

    @cached_property
    def reward(self) -> Floats:
        """What the slate brought in, ``[Q]``."""
        return np.asarray(self.rewards.sum(axis=0))

    @cached_property
    def squared_weight(self) -> Floats:
        """``w^2``, ``[Q]``."""
        return self.weight * self.weight

    @cached_property
    def weighted_reward(self) -> Floats:
        """``sum_k w_k r_k``, ``[Q]``."""
        return np.asarray((self.weights * self.rewards).sum(axis=0))

    @cached_property
    def slot_weights(self) -> tuple[Floats, ...]:
        """``w_k``, ``[Q]`` each."""
        return tuple(self.weights)

    @cached_property
    def slot_weighted_rewards(self) -> tuple[Floats, ...]:
        """``w_k r_k``, ``[Q]`` each."""
        return tuple(self.weights * self.rewards)

    @cached_property
    def model_predictions(self) -> Floats:
        """``q``, ``[K, Q]``; an error without a model."""
        if self.predicted is None:
            raise ValueError("predicted is missing: this estimator needs a reward model")
        return self.predicted

    @cached_property
    def model_values(self) -> Floats:
        """Expected ``q``, ``[K, Q]``; an error without a model."""
        if self.expected is None:
            raise ValueError("expected is missing: this estimator needs a reward model")
        return self.expected

    def bounded_terms(self) -> BoundedTerms:
        """What intervals for bounded rewards rest on, a slot's share of a slate."""
        return BoundedTerms(self.weights, self.rewards, self.weight)


@dataclass(frozen=True)
class PolicySlates:
    """One policy on one log of slates.

    Attributes:
        weights: ``[K, Q]``.
        weakest_slot: the one with the smallest effective sample size.
        predicted: by objective, ``[K, Q]``; absent without a model.
        expected: by objective, ``[K, Q]``.
    """

    weights: Floats
    weakest_slot: int
    predicted: Mapping[str, Floats]
    expected: Mapping[str, Floats]

    def rounds(self, objective: str, rewards: Floats, slates: slice) -> SlateRounds:
        """Some slates of one objective."""

        def part(columns: Mapping[str, Floats]) -> Floats | None:
            return columns[objective][:, slates] if objective in columns else None

        return SlateRounds(
            weights=self.weights[:, slates],
            rewards=rewards[:, slates],
            weight=self.weights[self.weakest_slot, slates],
            predicted=part(self.predicted),
            expected=part(self.expected),
        )
