"""Off-policy evaluation of data frames: what would have happened under another policy.

N rows, A actions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from holdfast.core.arrays import Floats
from holdfast.core.errors import UserError
from holdfast.evaluation.off_policy.answering import answer
from holdfast.evaluation.off_policy.estimators import Estimator
from holdfast.evaluation.off_policy.extraction import MemorySource, PolicyColumns, extract_columns
from holdfast.evaluation.off_policy.feedback import Feedback, FeedbackColumns, read_feedback
from holdfast.evaluation.off_policy.intervals import BOUNDED_METHODS, Intervals
from holdfast.evaluation.off_policy.overlap import Overlap
from holdfast.evaluation.off_policy.policy_probabilities import (
    PolicyProbabilities,
    action_labels,
    read_policy,
)
from holdfast.evaluation.off_policy.question import (
    BEHAVIOR,
    Question,
    default_estimators,
    label_estimators,
)
from holdfast.evaluation.off_policy.reward_predictions import ModelPlan, plan_models
from holdfast.evaluation.off_policy.trust import Trust
from holdfast.evaluation.off_policy.tuning import Tuned

EVALUATION = "evaluation"
"""Name of the policy where only one is evaluated."""


def evaluate(
    feedback: pd.DataFrame,
    policy_probabilities: Any,
    reward_model: Any = None,
    estimators: Sequence[Estimator | Tuned] | None = None,
    *,
    action: str = "action",
    propensity: str = "propensity",
    rewards: str | Sequence[str] = "reward",
    user: str | None = "user_id",
    slot: str | None = "slot",
    context: Sequence[str] = (),
    actions: Sequence[object] | None = None,
    mrdr_reward_model: Any = None,
    balanced_weights: Any = None,
    utilities: Mapping[str, Mapping[str, float]] | None = None,
    intervals: Intervals | None = None,
    trust: Trust | None = None,
) -> pd.DataFrame:
    """What the rewards would have been under another policy, and whether the log can say so.

    Args:
        feedback: logged choices, one row each, N in all.
        policy_probabilities: the evaluation policy's: array, data frame (a column per action), sparse matrix or
            ``IndexedRows`` of ``[N, A]``; or ``[N]``, of the logged actions only, which leaves the estimators
            that need weights only.
        reward_model: a ``RewardModel`` to cross-fit by user (or row); None for ``RidgeRewardModel()``;
            ``False`` for none; or predictions made elsewhere, without having seen these rows: ``[N, A]`` for one
            objective, or a mapping from objectives to ``[N, A]`` or ``PredictedRewards``.
        estimators: which; None for all that the log allows.
        action: column of the logged action.
        propensity: column of the chance with which it was chosen.
        rewards: column or columns of outcomes, one objective each.
        user: column of the user, whose rows depend on each other; ignored where there is none.
        slot: column of the slot; ignored where there is none.
        context: columns that the reward model may look at.
        actions: labels of the A actions in the order of the policy's columns; needed where actions are not
            numbered from 0 and the policy is not a data frame.
        mrdr_reward_model: predictions of a model fitted for least variance of DR; None to fit one where
            ``reward_model`` is fitted here.
        balanced_weights: weights from a classifier, ``[N]``, for ``BalancedInversePropensity``.
        utilities: by name, weights of objectives in a sum that gets a row of its own.
        intervals: method, level, resamples.
        trust: thresholds of abstention.

    Returns:
        A row per objective (or utility) and estimator, with the columns of ``COLUMNS``: value, standard error,
        interval, diagnostics, and ``status``: ``ok``, or why the log cannot say. The numbers of a row that
        abstains are there for the record, not for use. Undefined numbers are ``<NA>``.

    Raises:
        UserError: the feedback or the probabilities are impossible, or something needed is missing.
    """
    return _run(
        feedback,
        {EVALUATION: policy_probabilities},
        baseline=None,
        columns=_columns(action, propensity, rewards, user, slot, context),
        reward_model=reward_model,
        mrdr_reward_model=mrdr_reward_model,
        balanced_weights={} if balanced_weights is None else {EVALUATION: balanced_weights},
        estimators=estimators,
        actions=actions,
        utilities=utilities or {},
        intervals=intervals or Intervals(),
        trust=trust or Trust(),
    )


def compare(
    feedback: pd.DataFrame,
    policies: Mapping[str, Any],
    reward_model: Any = None,
    estimators: Sequence[Estimator | Tuned] | None = None,
    *,
    baseline: str | None = BEHAVIOR,
    action: str = "action",
    propensity: str = "propensity",
    rewards: str | Sequence[str] = "reward",
    user: str | None = "user_id",
    slot: str | None = "slot",
    context: Sequence[str] = (),
    actions: Sequence[object] | None = None,
    balanced_weights: Mapping[str, Any] | None = None,
    utilities: Mapping[str, Mapping[str, float]] | None = None,
    intervals: Intervals | None = None,
    trust: Trust | None = None,
) -> pd.DataFrame:
    """Paired differences of several policies from one of them, or from the policy that logged.

    Both values come from the same rows, so what they share cancels.

    Args:
        feedback: as in ``evaluate``.
        policies: by name, probabilities as in ``evaluate``.
        reward_model: as in ``evaluate``.
        estimators: as in ``evaluate``.
        baseline: name of the policy to subtract; ``behavior`` for the logged mean; None for no difference, the
            values of all policies in one table.
        action: as in ``evaluate``.
        propensity: as in ``evaluate``.
        rewards: as in ``evaluate``.
        user: as in ``evaluate``.
        slot: as in ``evaluate``.
        context: as in ``evaluate``.
        actions: as in ``evaluate``.
        balanced_weights: by policy, as in ``evaluate``.
        utilities: as in ``evaluate``.
        intervals: as in ``evaluate``.
        trust: as in ``evaluate``.

    Returns:
        As ``evaluate``, a row per policy, objective and estimator; ``value`` is policy minus baseline.
    """
    if not policies or BEHAVIOR in policies:
        raise UserError(f"policies is {list(policies)}; name at least one, and none of them {BEHAVIOR!r}")
    if baseline is not None and baseline != BEHAVIOR and (baseline not in policies or len(policies) < 2):
        raise UserError(
            f"baseline is {baseline!r}; it must be {BEHAVIOR!r} or one of the policies {list(policies)}, beside "
            "at least one other"
        )
    return _run(
        feedback,
        policies,
        baseline=baseline,
        columns=_columns(action, propensity, rewards, user, slot, context),
        reward_model=reward_model,
        mrdr_reward_model=None,
        balanced_weights=balanced_weights or {},
        estimators=estimators,
        actions=actions,
        utilities=utilities or {},
        intervals=intervals or Intervals(),
        trust=trust or Trust(),
    )


def diagnose(
    feedback: pd.DataFrame,
    policy_probabilities: Any,
    *,
    action: str = "action",
    propensity: str = "propensity",
    slot: str | None = "slot",
    actions: Sequence[object] | None = None,
) -> Overlap:
    """How a log and a policy overlap, whatever the rewards: by slot, by size of weight, by action.

    Args:
        feedback: as in ``evaluate``; rewards are not looked at.
        policy_probabilities: as in ``evaluate``.
        action: as in ``evaluate``.
        propensity: as in ``evaluate``.
        slot: as in ``evaluate``.
        actions: as in ``evaluate``.
    """
    columns = FeedbackColumns(
        action=action, propensity=propensity, rewards=(propensity,), user=None, slot=slot
    )
    log, policies = read_log(feedback, {EVALUATION: policy_probabilities}, columns, actions=actions)
    return extract_columns(log, policies[EVALUATION]).overlap.overlap()


def _columns(
    action: str,
    propensity: str,
    rewards: str | Sequence[str],
    user: str | None,
    slot: str | None,
    context: Sequence[str],
) -> FeedbackColumns:
    return FeedbackColumns(
        action=action,
        propensity=propensity,
        rewards=(rewards,) if isinstance(rewards, str) else tuple(rewards),
        user=user,
        slot=slot,
        context=tuple(context),
    )


def read_log(
    frame: pd.DataFrame,
    policies: Mapping[str, Any],
    columns: FeedbackColumns,
    *,
    actions: Sequence[object] | None,
    first_row: int = 0,
) -> tuple[Feedback, dict[str, PolicyProbabilities]]:
    """Checks a log and the policies that are asked about.

    Raises:
        UserError: something is missing or impossible.
    """
    labels = actions
    for given in policies.values():
        labels = labels if labels is not None else action_labels(given)
    read = {
        name: read_policy(given, name=name, num_rows=len(frame), actions=labels)
        for name, given in policies.items()
    }
    sizes = {policy.num_actions for policy in read.values() if policy.num_actions is not None}
    if len(sizes) > 1:
        raise UserError(f"the policies have {sorted(sizes)} actions; give all of them the same actions")
    if labels is None and not sizes and columns.action in frame.columns:
        # Only logged actions are known, so their labels serve for counting.
        labels = list(pd.unique(frame[columns.action]))
    if labels is not None and sizes and len(labels) != next(iter(sizes)):
        raise UserError(f"actions has {len(labels)} labels and the policy {next(iter(sizes))} columns")
    return read_feedback(frame, columns, actions=labels, first_row=first_row), read


@dataclass(frozen=True)
class _Inputs:
    columns: FeedbackColumns
    plan: ModelPlan
    balanced_weights: Mapping[str, Any]


def _run(
    frame: pd.DataFrame,
    policies: Mapping[str, Any],
    *,
    baseline: str | None,
    columns: FeedbackColumns,
    reward_model: Any,
    mrdr_reward_model: Any,
    balanced_weights: Mapping[str, Any],
    estimators: Sequence[Estimator | Tuned] | None,
    actions: Sequence[object] | None,
    utilities: Mapping[str, Mapping[str, float]],
    intervals: Intervals,
    trust: Trust,
) -> pd.DataFrame:
    feedback, read = read_log(frame, policies, columns, actions=actions)
    if feedback.clustered and intervals.method in BOUNDED_METHODS:
        raise UserError(
            f"intervals of method {intervals.method!r} take rows as independent, and column {columns.user!r} says "
            "that they are not; choose 'analytic' or 'bootstrap', or pass user=None if every row is a user"
        )
    needed = None if estimators is None else {each.needs for each in estimators}
    plan = plan_models(
        frame,
        feedback,
        columns,
        reward_model=reward_model,
        mrdr_reward_model=mrdr_reward_model,
        needed=needed,
        all_actions_known=all(policy.num_actions is not None for policy in read.values()),
        num_actions=next((policy.num_actions for policy in read.values() if policy.num_actions), 0),
        seed=intervals.seed,
    )
    chosen = (
        default_estimators(model=plan.has_model, mrdr=plan.has_mrdr, balanced=bool(balanced_weights))
        if estimators is None
        else list(estimators)
    )
    _check_needs(chosen, plan, balanced=set(balanced_weights) >= set(read))
    extracted = _extract(frame, feedback, read, _Inputs(columns, plan, balanced_weights))
    question = Question(
        policies=list(read),
        objectives=list(columns.rewards),
        estimators=label_estimators(chosen),
        utilities=utilities,
        intervals=intervals,
        trust=trust,
        baseline=baseline,
    )
    return answer(
        MemorySource(feedback.rewards, feedback.keys, extracted),
        question,
        overlaps={name: each.overlap.overlap() for name, each in extracted.items()},
        clustered=feedback.clustered,
    )


def _extract(
    frame: pd.DataFrame, feedback: Feedback, policies: Mapping[str, PolicyProbabilities], inputs: _Inputs
) -> dict[str, PolicyColumns]:
    return {
        name: extract_columns(
            feedback,
            policy,
            predictions=inputs.plan.predictions,
            mrdr_predictions=inputs.plan.mrdr_predictions(policy),
            balanced_weight=_balanced(frame, inputs.balanced_weights.get(name)),
        )
        for name, policy in policies.items()
    }


def _balanced(frame: pd.DataFrame, given: Any) -> Floats | None:
    if given is None:
        return None
    if isinstance(given, str):
        if given not in frame.columns:
            raise UserError(f"balanced_weights names column {given!r}, which the feedback does not have")
        given = frame[given]
    return np.asarray(given, dtype=np.float64)


def _check_needs(estimators: Sequence[Estimator | Tuned], plan: ModelPlan, *, balanced: bool) -> None:
    have = {"weights": True, "model": plan.has_model, "mrdr": plan.has_mrdr, "balanced": balanced}
    remedy = {
        "model": "a reward model and the probabilities of all actions, or PredictedRewards",
        "mrdr": "a reward model fitted here (not predictions), or mrdr_reward_model",
        "balanced": "balanced_weights, for instance from estimate_balanced_weights",
    }
    for each in estimators:
        if not have[each.needs]:
            raise UserError(f"estimator {each.name!r} needs {remedy[each.needs]}; give it, or leave it out")
