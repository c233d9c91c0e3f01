"""Reward models for the direct method and for doubly robust estimators.

N rows, D features, A actions.
"""

from __future__ import annotations

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
        """Fits rewards ``[N]`` of logged actions ``[N]`` on features ``[N, D]``, each row counting its weight."""
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
        if not weight.sum() > 0.0:
            raise UserError("no row has weight, so no reward model can be fitted")
        center = (
            np.average(features, axis=0, weights=weight) if len(features) else np.zeros(features.shape[1])
        )
        design = np.concatenate([np.ones((len(features), 1)), features - center], axis=1)
        scale = np.average(design**2, axis=0, weights=weight)
        # A feature that never varies has nothing to say: any positive penalty keeps its slope at 0.
        penalty = self.shrinkage * np.where(scale > 0.0, scale, 1.0)
        weighted = design * weight[:, None]
        shared_penalty = penalty.copy()
        shared_penalty[0] = 0.0
        shared = np.linalg.solve(weighted.T @ design + np.diag(shared_penalty), weighted.T @ reward)
        slopes = np.tile(shared, (num_actions, 1))
        residual = reward - design @ shared
        order = np.argsort(actions, kind="stable")
        ends = np.searchsorted(actions[order], np.arange(num_actions + 1))
        for action in np.flatnonzero(np.diff(ends)):
            rows = order[ends[action] : ends[action + 1]]
            here = weighted[rows].T
            slopes[action] += np.linalg.solve(here @ design[rows] + np.diag(penalty), here @ residual[rows])
        return FittedRidge(center, slopes, float(reward.min()), float(reward.max()))


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
