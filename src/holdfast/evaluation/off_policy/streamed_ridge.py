"""Cross-fitted ridge models from sums over a log that is read once.

N rows of a block, D features, A actions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from holdfast.core.arrays import Floats
from holdfast.core.errors import UserError
from holdfast.evaluation.off_policy.asking import Options
from holdfast.evaluation.off_policy.context_features import ContextEncoding
from holdfast.evaluation.off_policy.cross_fitting import MRDR_FLOOR, fold_of_key
from holdfast.evaluation.off_policy.feedback import Feedback
from holdfast.evaluation.off_policy.policy_probabilities import PolicyProbabilities
from holdfast.evaluation.off_policy.reward_models import (
    FittedRewardModel,
    RidgeRewardModel,
    RidgeStatistics,
)
from holdfast.evaluation.off_policy.reward_predictions import NUM_FOLDS


class StreamedRidge:
    """Sums, by fold, that the ridge models of all objectives need."""

    def __init__(self, options: Options, num_actions: int, encoding: ContextEncoding) -> None:
        self._options = options
        self._num_actions = num_actions
        self._encoding = encoding
        needed = options.needed
        self._mrdr = needed is None or "mrdr" in needed
        self._plain: dict[tuple[str, int], RidgeStatistics] = {}
        self._counted: dict[tuple[str, str, int], RidgeStatistics] = {}
        self._count_sum: dict[str, float] = {}
        self._rows = 0
        self._origin: Floats | None = None

    def add(
        self, frame: pd.DataFrame, feedback: Feedback, policies: Mapping[str, PolicyProbabilities]
    ) -> None:
        """Adds the rows of a block."""
        features = self._encoding.encode(frame)
        folds = fold_of_key(feedback.keys, num_folds=NUM_FOLDS, seed=self._options.intervals.seed)
        self._rows += feedback.num_rows
        if self._origin is None:
            self._origin = features.mean(axis=0)
        counts = {}
        for name, policy in policies.items() if self._mrdr else ():
            block = policy.block(slice(0, feedback.num_rows), feedback.actions, first_row=feedback.first_row)
            weight = block.logged / feedback.propensity
            counts[name] = weight**2 * (1.0 - feedback.propensity)
            self._count_sum[name] = self._count_sum.get(name, 0.0) + float(counts[name].sum())
        for fold in range(NUM_FOLDS):
            rows = np.flatnonzero(folds == fold)
            if not rows.size:
                continue
            for objective, reward in feedback.rewards.items():
                part = (features[rows], feedback.actions[rows], reward[rows])
                self._sums(self._plain, (objective, fold)).add(*part, np.ones(rows.size))
                for name, count in counts.items():
                    self._sums(self._counted, (name, objective, fold)).add(*part, count[rows])

    def _sums(self, store: dict[Any, RidgeStatistics], key: Any) -> RidgeStatistics:
        if key not in store:
            origin = np.zeros(0) if self._origin is None else self._origin
            store[key] = RidgeStatistics.empty(origin[None, :], self._num_actions)
        return store[key]

    def solve(
        self,
    ) -> tuple[dict[str, list[FittedRewardModel]], dict[tuple[str, str], list[FittedRewardModel]]]:
        """Models by objective, and for least variance of DR by policy and objective, one per fold."""
        model = self._options.reward_model or RidgeRewardModel()
        plain: dict[str, list[FittedRewardModel]] = {}
        robust: dict[tuple[str, str], list[FittedRewardModel]] = {}
        for objective in self._options.columns.rewards:
            others = [self._others(self._plain, (objective,), fold) for fold in range(NUM_FOLDS)]
            plain[objective] = [model.solve(each) for each in others]
            for name, total in self._count_sum.items():
                # As in mrdr_weights: scaled to mean 1, with a floor for rows that count nothing.
                scale = self._rows / total if total > 0.0 else 0.0
                floor = MRDR_FLOOR if total > 0.0 else 1.0
                robust[name, objective] = [
                    model.solve(
                        _scaled(others[fold], floor).plus(
                            self._others(self._counted, (name, objective), fold), times=scale
                        )
                    )
                    for fold in range(NUM_FOLDS)
                ]
        return plain, robust

    def _others(self, store: dict[Any, RidgeStatistics], key: tuple[str, ...], fold: int) -> RidgeStatistics:
        """Sums over all folds but one."""
        parts = [store[*key, other] for other in range(NUM_FOLDS) if other != fold and (*key, other) in store]
        if not parts:
            raise UserError(
                "the reward model cannot be cross-fitted: all rows are of one user or in one fold. Give more "
                "rows, or estimators that need no model"
            )
        first, *rest = parts
        for each in rest:
            first = first.plus(each)
        return first


def _scaled(statistics: RidgeStatistics, times: float) -> RidgeStatistics:
    return RidgeStatistics(
        statistics.origin,
        times * statistics.gram,
        times * statistics.moment,
        statistics.low,
        statistics.high,
    )
