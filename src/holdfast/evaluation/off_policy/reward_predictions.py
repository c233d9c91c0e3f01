"""Which reward model is used: one that is fitted here, or predictions from elsewhere.

N rows, A actions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from holdfast.core.arrays import Floats, Ints
from holdfast.core.errors import UserError
from holdfast.evaluation.off_policy.context_features import learn_encoding
from holdfast.evaluation.off_policy.cross_fitting import (
    CrossFittedPredictions,
    cross_fit,
    fold_of_key,
    mrdr_weights,
)
from holdfast.evaluation.off_policy.extraction import PredictedRewards, Predictions, row_slices
from holdfast.evaluation.off_policy.feedback import Feedback, FeedbackColumns
from holdfast.evaluation.off_policy.policy_probabilities import IndexedRows, PolicyProbabilities
from holdfast.evaluation.off_policy.reward_models import RewardModel, RidgeRewardModel
from holdfast.evaluation.off_policy.row_order import check_row_order, columns_in_order

NUM_FOLDS = 3

Fit = Callable[[str, Floats | None], CrossFittedPredictions]
"""Fits the model of one objective, with what each row counts ``[N]``."""


@dataclass(frozen=True)
class ModelPlan:
    """Where predictions come from.

    Attributes:
        predictions: by objective; None without a model.
        given_mrdr: predictions of a model for least variance of DR, given by the user; None without.
        fit: fits such a model for a policy, where the model is fitted here; None otherwise.
        feedback: the log.
    """

    predictions: Predictions | None
    given_mrdr: Predictions | None
    fit: Fit | None
    feedback: Feedback

    @property
    def has_model(self) -> bool:
        """Whether there are predictions."""
        return self.predictions is not None

    @property
    def has_mrdr(self) -> bool:
        """Whether there are, or can be, predictions for MRDR."""
        return self.given_mrdr is not None or self.fit is not None

    def mrdr_predictions(self, policy: PolicyProbabilities) -> Predictions | None:
        """Predictions of a model for least variance of DR under this policy; None without."""
        if self.fit is None:
            return self.given_mrdr
        weight = np.empty(self.feedback.num_rows)
        for rows in row_slices(self.feedback.num_rows):
            block = policy.block(rows, self.feedback.actions[rows], first_row=self.feedback.first_row)
            weight[rows] = block.logged / self.feedback.propensity[rows]
        counts = mrdr_weights(weight, self.feedback.propensity)
        return {name: self.fit(name, counts) for name in self.feedback.rewards}


def plan_models(
    frame: pd.DataFrame,
    feedback: Feedback,
    columns: FeedbackColumns,
    *,
    reward_model: Any,
    mrdr_reward_model: Any,
    needed: set[str] | None,
    all_actions_known: bool,
    num_actions: int,
    seed: int,
    labels: Sequence[object] | None = None,
) -> ModelPlan:
    """Fits or adopts a reward model, where an estimator needs one.

    Args:
        frame: the log as given.
        feedback: the log as checked.
        columns: where is what.
        reward_model: as in ``evaluate``.
        mrdr_reward_model: as in ``evaluate``.
        needed: what the estimators need; None for all that is possible.
        all_actions_known: whether the policies' probabilities of all actions are.
        num_actions: A; 0 where unknown.
        seed: of the folds.
        labels: of the A actions, as in ``by_objective``.
    """
    wants_model = needed is None or bool(needed & {"model", "mrdr"})
    given_mrdr = None
    if mrdr_reward_model is not None:
        given_mrdr = by_objective(mrdr_reward_model, feedback, index=frame.index, labels=labels)
    if reward_model is False or not wants_model:
        return ModelPlan(None, given_mrdr, None, feedback)
    if reward_model is not None and not hasattr(reward_model, "fit"):
        predictions = by_objective(reward_model, feedback, index=frame.index, labels=labels)
        return ModelPlan(predictions, given_mrdr, None, feedback)
    folds = fold_of_key(feedback.keys, num_folds=NUM_FOLDS, seed=seed)
    if not all_actions_known or np.unique(folds).size < 2:
        if needed is None:
            return ModelPlan(None, given_mrdr, None, feedback)
        raise UserError(
            "an estimator needs a reward model, which takes the probabilities of all actions, [rows, "
            "actions], and several rows (of several users) to be cross-fitted; give PredictedRewards, or "
            "estimators that need weights only"
        )
    fit = _fitter(frame, feedback, columns, reward_model or RidgeRewardModel(), num_actions, folds)
    fitted = {name: fit(name, None) for name in feedback.rewards}
    wants_mrdr = given_mrdr is None and (needed is None or "mrdr" in needed)
    return ModelPlan(fitted, given_mrdr, fit if wants_mrdr else None, feedback)


def _fitter(
    frame: pd.DataFrame,
    feedback: Feedback,
    columns: FeedbackColumns,
    model: RewardModel,
    num_actions: int,
    folds: Ints,
) -> Fit:
    encoding = learn_encoding(
        [frame], columns.context, slot=columns.slot if feedback.slots is not None else None
    )
    features = encoding.encode(frame)
    if feedback.actions.min() < 0 or feedback.actions.max() >= num_actions:
        raise UserError(f"a logged action is not among the {num_actions} actions of the policy")

    def fit(objective: str, weight: Floats | None) -> CrossFittedPredictions:
        return cross_fit(
            model,
            features,
            feedback.actions,
            feedback.rewards[objective],
            folds=folds,
            num_folds=NUM_FOLDS,
            num_actions=num_actions,
            weight=weight,
        )

    return fit


def by_objective(
    given: Any,
    feedback: Feedback,
    *,
    index: pd.Index | None = None,
    labels: Sequence[object] | None = None,
) -> Predictions:
    """Predictions from elsewhere, checked against the log.

    Args:
        given: for one objective, or a mapping from objectives.
        feedback: the log.
        index: of the log as given, which a data frame must not have in another order.
        labels: of the A actions; the columns of a data frame are brought into their order. None where the
            actions are numbered from 0.

    Raises:
        UserError: an objective is missing, or a shape or an order does not fit.
    """
    names = list(feedback.rewards)
    if not isinstance(given, Mapping):
        if len(names) > 1:
            raise UserError(f"predictions for {names} are needed; give a mapping from objectives to arrays")
        given = {names[0]: given}
    missing = [name for name in names if name not in given]
    if missing:
        raise UserError(f"predictions of {missing} are missing; the reward model must know every objective")
    ordered = {name: _in_order(given[name], name, index, labels) for name in names}
    return {name: _checked(each, name, feedback.num_rows) for name, each in ordered.items()}


def _in_order(
    prediction: Any, objective: str, index: pd.Index | None, labels: Sequence[object] | None
) -> Any:
    """A data frame as an array whose columns are the actions; anything else as it is."""
    if not isinstance(prediction, pd.DataFrame):
        return prediction
    what = f"predictions of {objective!r}"
    check_row_order(prediction, index, what=what)
    numbered: list[object] = list(range(prediction.shape[1]))
    if labels is None and set(prediction.columns) == set(numbered):
        labels = numbered
    ordered = prediction if labels is None else columns_in_order(prediction, labels, what=what)
    return ordered.to_numpy()


def _checked(prediction: Any, objective: str, num_rows: int) -> Any:
    if isinstance(prediction, PredictedRewards):
        rows = np.size(prediction.logged)
    elif isinstance(prediction, IndexedRows):
        rows = prediction.index.size
    else:
        try:
            prediction = np.asarray(prediction)
            if prediction.dtype.kind not in "biuf":
                prediction = prediction.astype(np.float64)
        except (TypeError, ValueError) as error:
            raise UserError(f"predictions of {objective!r} are not numbers: {error}") from error
        rows = len(prediction) if prediction.ndim == 2 else -1
    if rows != num_rows:
        raise UserError(
            f"predictions of {objective!r} do not fit: the feedback has {num_rows} rows, and an array "
            "[rows, actions], IndexedRows or PredictedRewards of as many is needed"
        )
    return prediction
