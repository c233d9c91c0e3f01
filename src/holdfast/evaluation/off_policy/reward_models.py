"""Reward models for the direct method and for doubly robust estimators.

N rows, D features, A actions.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from holdfast.core.arrays import Floats, Ints
from holdfast.core.errors import UserError


class FittedRewardModel(Protocol):
    """Predicts the reward of every action."""

    def predict(self, features: Floats) -> Floats:
        """Expected rewards ``[N, A]`` from features ``[N, D]``."""
        ...


class RewardModel(Protocol):
    """Settings of a reward model; fitting makes a new object, so that folds share nothing."""

    def fit(
        self, features: Floats, actions: Ints, reward: Floats, *, weight: Floats, num_actions: int
    ) -> FittedRewardModel:
        """Fits rewards ``[N]`` of actions ``[N]`` on features ``[N, D]``, each row counting its weight."""
        ...


@dataclass(frozen=True, kw_only=True)
class RidgeRewardModel:
    """A linear model of the reward that all actions share, plus a deviation of each action, shrunk to 0.

    Linear in the features, hence fast, never in need of iterations, and safe on an action seen twice. It need
    not be right: doubly robust estimates are unbiased with any model, and vary less with a better one.

    Attributes:
        shrinkage: rows of evidence that the prior counts for, > 0; larger ones trust single actions less.

    Source: Hoerl and Kennard (1970).
    """

    shrinkage: float = 10.0

    def __post_init__(self) -> None:
        if not self.shrinkage > 0.0:
            raise ValueError(f"shrinkage is {self.shrinkage}; it must be above 0, and counts rows")

    def fit(
        self, features: Floats, actions: Ints, reward: Floats, *, weight: Floats, num_actions: int
    ) -> FittedRidge:
        """Fits the shared part, then each action's deviation from it."""
        statistics = RidgeStatistics.empty(features, num_actions)
        statistics.add(features, actions, reward, weight)
        return self.solve(statistics)

    def solve(self, statistics: RidgeStatistics) -> FittedRidge:
        """The model from sums over rows alone, wherever the rows were.

        Raises:
            UserError: no row has weight.
        """
        gram, moment = statistics.gram.sum(axis=0), statistics.moment.sum(axis=0)
        total = gram[0, 0]
        if not total > 0.0:
            raise UserError("no row has weight, so no reward model can be fitted")
        # Features are centred, so that the penalty falls on slopes and not on where zero happens to be.
        shift = np.eye(len(gram))
        shift[1:, 0] = -gram[1:, 0] / total
        spread = np.diagonal(gram) / total
        gram, moment = shift @ gram @ shift.T, shift @ moment
        scale = np.diagonal(gram) / total
        # A feature that never varies has nothing to say: any positive penalty keeps its slope at 0.
        penalty = np.diag(self.shrinkage * np.where(scale > 1e-12 * spread, scale, 1.0))
        shared_penalty = penalty.copy()
        shared_penalty[0, 0] = 0.0
        shared = np.linalg.solve(gram + shared_penalty, moment)
        slopes = np.tile(shared, (len(statistics.gram), 1))
        for action in np.flatnonzero(statistics.gram[:, 0, 0] > 0.0):
            own = shift @ statistics.gram[action] @ shift.T
            slopes[action] += np.linalg.solve(own + penalty, shift @ statistics.moment[action] - own @ shared)
        return FittedRidge(statistics.origin - shift[1:, 0], slopes, statistics.low, statistics.high)


@dataclass
class RidgeStatistics:
    """Sums over rows that a ridge regression needs; sums of several parts of a log are those of the whole.

    Attributes:
        origin: subtracted from the features before anything else, ``[D]``.
        gram: by action, sums of products of 1 and the features, ``[A, 1 + D, 1 + D]``.
        moment: by action, sums of their products with the reward, ``[A, 1 + D]``.
        low: smallest reward.
        high: largest reward.
    """

    origin: Floats
    gram: Floats
    moment: Floats
    low: float = math.inf
    high: float = -math.inf

    @classmethod
    def empty(cls, features: Floats, num_actions: int) -> RidgeStatistics:
        """No rows yet; the origin is put where some features ``[N, D]`` are, to save digits."""
        size = 1 + features.shape[1]
        origin = features.mean(axis=0) if len(features) else np.zeros(size - 1)
        return cls(origin, np.zeros((num_actions, size, size)), np.zeros((num_actions, size)))

    def add(self, features: Floats, actions: Ints, reward: Floats, weight: Floats) -> None:
        """Adds rows, each of which counts its weight."""
        if not len(reward):
            return
        design = np.concatenate([np.ones((len(features), 1)), features - self.origin], axis=1)
        weighted = design * weight[:, None]
        order = np.argsort(actions, kind="stable")
        ends = np.searchsorted(actions[order], np.arange(len(self.gram) + 1))
        for action in np.flatnonzero(np.diff(ends)):
            rows = order[ends[action] : ends[action + 1]]
            here = weighted[rows].T
            self.gram[action] += here @ design[rows]
            self.moment[action] += here @ reward[rows]
        self.low, self.high = min(self.low, float(reward.min())), max(self.high, float(reward.max()))

    def plus(self, other: RidgeStatistics, *, times: float = 1.0) -> RidgeStatistics:
        """These rows and ``times`` those of another part with the same origin."""
        return RidgeStatistics(
            self.origin,
            self.gram + times * other.gram,
            self.moment + times * other.moment,
            min(self.low, other.low),
            max(self.high, other.high),
        )


@dataclass(frozen=True)
class FittedRidge:
    """A fitted linear model.

    Attributes:
        center: subtracted from the features, ``[D]``.
        slopes: intercept and slopes of each action, ``[A, 1 + D]``.
        low: smallest reward seen; predictions do not leave the range.
        high: largest reward seen.
    """

    center: Floats
    slopes: Floats
    low: float
    high: float

    def predict(self, features: Floats) -> Floats:
        """``[N, A]``."""
        linear = (features - self.center) @ self.slopes[:, 1:].T + self.slopes[:, 0]
        return np.clip(linear, self.low, self.high)


@dataclass(frozen=True)
class PerRowRegressor:
    """Lets a regressor or classifier of the scikit-learn kind serve as a reward model.

    Features and the one-hot action are its inputs. A classifier's chance of the last class is the reward, so
    that rewards must then be 0 or 1.

    Attributes:
        template: has ``get_params``, ``fit(X, y, sample_weight=...)`` and ``predict`` or ``predict_proba``; a
            fresh copy is fitted each time.
    """

    template: Any

    def fit(
        self, features: Floats, actions: Ints, reward: Floats, *, weight: Floats, num_actions: int
    ) -> _FittedPerRow:
        """Fits a fresh copy."""
        regressor = type(self.template)(**self.template.get_params())
        inputs = np.concatenate([features, np.eye(num_actions)[actions]], axis=1)
        regressor.fit(inputs, reward, sample_weight=weight)
        return _FittedPerRow(regressor, num_actions)


@dataclass(frozen=True)
class _FittedPerRow:
    regressor: Any
    num_actions: int

    def predict(self, features: Floats) -> Floats:
        """``[N, A]``, one action after the other."""
        predicted = np.empty((len(features), self.num_actions))
        for action in range(self.num_actions):
            one_hot = np.zeros((len(features), self.num_actions))
            one_hot[:, action] = 1.0
            inputs = np.concatenate([features, one_hot], axis=1)
            if hasattr(self.regressor, "predict_proba"):
                predicted[:, action] = self._chance(inputs)
            else:
                predicted[:, action] = self.regressor.predict(inputs)
        return predicted

    def _chance(self, inputs: Floats) -> Floats:
        classes = self.regressor.classes_
        if len(classes) == 1:
            return np.full(len(inputs), float(classes[0]))
        return np.asarray(self.regressor.predict_proba(inputs)[:, -1])
