"""Reward models that never predict a row which they were fitted on.

N rows, D features, A actions, F folds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from holdfast.core.arrays import Floats, Ints
from holdfast.core.errors import UserError
from holdfast.core.random import derive_seed
from holdfast.evaluation.off_policy.poisson_bootstrap import mix
from holdfast.evaluation.off_policy.reward_models import FittedRewardModel, RewardModel

MRDR_FLOOR = 1e-3
"""Keeps rows in play that the policy would never choose, so that no fold is empty."""


def fold_of_key(keys: NDArray[np.uint64], *, num_folds: int, seed: int) -> Ints:
    """Fold of each row, ``[N]``; rows of one user (one key) share it, whatever else is in the log."""
    return (mix(keys ^ np.uint64(derive_seed(seed, "folds"))) % np.uint64(num_folds)).astype(np.int64)


@dataclass(frozen=True)
class CrossFittedPredictions:
    """Out-of-fold predictions, made when they are asked for.

    Attributes:
        models: one per fold, fitted without it.
        folds: of each row, ``[N]``.
        features: ``[N, D]``.
        num_actions: A.
    """

    models: Sequence[FittedRewardModel]
    folds: Ints
    features: Floats
    num_actions: int

    def rows(self, rows: slice) -> Floats:
        """Predictions of some rows for every action, ``[n, A]``."""
        folds, features = self.folds[rows], self.features[rows]
        predicted = np.empty((len(folds), self.num_actions))
        for fold, model in enumerate(self.models):
            here = np.flatnonzero(folds == fold)
            if here.size:
                predicted[here] = model.predict(features[here])
        return predicted


def cross_fit(
    model: RewardModel,
    features: Floats,
    actions: Ints,
    reward: Floats,
    *,
    folds: Ints,
    num_folds: int,
    num_actions: int,
    weight: Floats | None = None,
) -> CrossFittedPredictions:
    """Fits a model for each fold on all other folds.

    Args:
        model: settings.
        features: ``[N, D]``; D may be 0, the model then knows the action only.
        actions: ``[N]``.
        reward: ``[N]``.
        folds: of each row, in [0, F), ``[N]``.
        num_folds: F, at least 2.
        num_actions: A.
        weight: what a row counts in fitting, ``[N]``; ones when None.

    Raises:
        UserError: all rows are in one fold, so that nothing is left to fit on.

    Source: Chernozhukov et al. (2018) for cross-fitting.
    """
    counts = np.ones(len(reward)) if weight is None else weight
    models = []
    for fold in range(num_folds):
        rows = folds != fold
        if not counts[rows].sum() > 0.0:
            raise UserError(
                "the reward model cannot be cross-fitted: all rows that count are of one user or in one "
                "fold. Give more rows, or estimators that need no model"
            )
        models.append(
            model.fit(
                features[rows], actions[rows], reward[rows], weight=counts[rows], num_actions=num_actions
            )
        )
    return CrossFittedPredictions(models, folds, features, num_actions)


def mrdr_weights(weight: Floats, propensity: Floats) -> Floats:
    """What a row counts in fitting a model for least variance of DR, ``pi_e^2 (1 - p) / p^2``, ``[N]``.

    It is the part of that variance in which an action's error stands alone; where one action is certain under
    the evaluation policy, it is all of it.

    Source: Farajtabar, Chow and Ghavamzadeh (2018).
    """
    counts = weight**2 * (1.0 - propensity)
    return counts / counts.mean() + MRDR_FLOOR if counts.any() else np.ones_like(weight)
