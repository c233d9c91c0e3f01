"""What an estimator sees of a log: a few numbers per row, never a table of rows by actions.

N rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from holdfast.core.arrays import Floats


@dataclass(frozen=True)
class WeightRange:
    """How many rows there are, and the ends of their importance weights.

    Attributes:
        num_rows: N.
        smallest: of the N weights.
        largest: of the N weights.
    """

    num_rows: int
    smallest: float
    largest: float


@dataclass(frozen=True)
class BoundedTerms:
    """Weights and rewards as intervals for bounded rewards need them, ``K = 1`` where a row is not a slate.

    The estimate is ``mean(sum_k w_k r_k)``.

    Attributes:
        weights: ``[K, N]``.
        rewards: ``[K, N]``.
        normaliser: by which a self-normalised estimate divides, ``[N]``.
    """

    weights: Floats
    rewards: Floats
    normaliser: Floats

    def scaled(self, low: float, high: float) -> tuple[Floats, Floats]:
        """``mean_k w_k x_k`` and ``mean_k w_k (1 - x_k)`` with rewards scaled to [0, 1], ``[N]`` each."""
        scaled = (self.rewards - low) / (high - low)
        return (self.weights * scaled).mean(axis=0), (self.weights * (1.0 - scaled)).mean(axis=0)


@dataclass(frozen=True)
class Rounds:
    """Logged rows under one evaluation policy and one objective.

    Products that several estimators need are made once and shared, which also lets the accumulators
    recognise a column that they have already.

    Attributes:
        weight: evaluation over behavior probability of the logged action, >= 0, ``[N]``.
        reward: the outcome, ``[N]``.
        predicted: the reward model's prediction at the logged action, ``[N]``; None without a model.
        expected: its prediction averaged over the evaluation policy's actions, ``[N]``; None without a model.
        mrdr_predicted: as ``predicted``, from a model fitted for least variance of DR; None without.
        mrdr_expected: as ``expected``, from the same model; None without.
        balanced_weight: weights from a classifier instead of from propensities, ``[N]``; None without.
    """

    weight: Floats
    reward: Floats
    predicted: Floats | None = None
    expected: Floats | None = None
    mrdr_predicted: Floats | None = None
    mrdr_expected: Floats | None = None
    balanced_weight: Floats | None = None

    @cached_property
    def weighted_reward(self) -> Floats:
        """``w r``."""
        return self.weight * self.reward

    @cached_property
    def squared_weight(self) -> Floats:
        """``w^2``."""
        return self.weight * self.weight

    @cached_property
    def model_prediction(self) -> Floats:
        """``q``; an error without a reward model."""
        return _given(self.predicted, "predicted")

    @cached_property
    def model_value(self) -> Floats:
        """``dm``; an error without a reward model."""
        return _given(self.expected, "expected")

    @cached_property
    def residual(self) -> Floats:
        """``r - q``."""
        return self.reward - self.model_prediction

    @cached_property
    def correction(self) -> Floats:
        """``w (r - q)``."""
        return self.weight * self.residual

    @cached_property
    def doubly_robust(self) -> Floats:
        """``dm + w (r - q)``."""
        return self.model_value + self.correction

    def bounded_terms(self) -> BoundedTerms:
        """What intervals for bounded rewards rest on."""
        return BoundedTerms(self.weight[None, :], self.reward[None, :], self.weight)


def _given(column: Floats | None, name: str) -> Floats:
    if column is None:
        raise ValueError(f"{name} is missing: this estimator needs a reward model")
    return column


@dataclass(frozen=True)
class Block:
    """Some consecutive rows of a log, under every policy and objective that is asked about.

    Attributes:
        rounds: by policy and objective; all have the same N rows.
        keys: what is resampled and clustered together has the same key, ``[N]``.
    """

    rounds: Mapping[tuple[str, str], Rounds]
    keys: NDArray[np.uint64]

    @property
    def num_rows(self) -> int:
        """N."""
        return int(self.keys.size)


class BlockSource(Protocol):
    """A log that can be read more than once, always in the same blocks."""

    def blocks(self) -> Iterator[Block]:
        """The blocks, in the order of the log."""
        ...
