"""Off-policy evaluation of data frames: what would have happened under another policy.

N rows, A actions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Unpack

import pandas as pd

from holdfast.core.errors import UserError
from holdfast.evaluation.off_policy.asking import Options, ask, read_log
from holdfast.evaluation.off_policy.estimator_names import ESTIMATORS, resolve_estimators
from holdfast.evaluation.off_policy.estimators import Estimator
from holdfast.evaluation.off_policy.extraction import extract_columns
from holdfast.evaluation.off_policy.feedback import FeedbackColumns
from holdfast.evaluation.off_policy.intervals import Intervals
from holdfast.evaluation.off_policy.keywords import Keywords, shared_options
from holdfast.evaluation.off_policy.overlap import Overlap
from holdfast.evaluation.off_policy.question import BEHAVIOR
from holdfast.evaluation.off_policy.streaming import FrameFunction, answer_from_parquet
from holdfast.evaluation.off_policy.trust import Trust
from holdfast.evaluation.off_policy.tuning import Tuned

EVALUATION = "evaluation"
"""Name of the policy where only one is evaluated."""


def evaluate(
    feedback: pd.DataFrame,
    policy_probabilities: Any,
    reward_model: Any = None,
    estimators: Sequence[Estimator | Tuned | str] | None = None,
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
        policy_probabilities: the evaluation policy's: array, data frame (a column per action), sparse matrix
            or ``IndexedRows`` of ``[N, A]``; or ``[N]``, of the logged actions only, which leaves the
            estimators that need weights only.
        reward_model: a ``RewardModel`` to cross-fit by user (or row); None for ``RidgeRewardModel()``;
            ``False`` for none; or predictions made elsewhere, without having seen these rows: ``[N, A]`` for
            one objective, or a mapping from objectives to ``[N, A]`` or ``PredictedRewards``.
        estimators: which, as objects or by name (``"dr"``, with usual settings); None for all that the log
            allows.
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
        A row per objective (or utility) and estimator, with the columns of ``COLUMNS``: value, standard
        error, interval, diagnostics, and ``status``: ``ok``, or why the log cannot say. The numbers of a row
        that abstains are there for the record, not for use. Undefined numbers are ``<NA>``.

    Raises:
        UserError: the feedback or the probabilities are impossible, or something needed is missing.
    """
    asked: Keywords = {
        "action": action,
        "propensity": propensity,
        "rewards": rewards,
        "user": user,
        "slot": slot,
        "context": context,
        "actions": actions,
        "utilities": utilities,
        "intervals": intervals,
        "trust": trust,
    }
    return ask(
        feedback,
        {EVALUATION: policy_probabilities},
        Options(
            baseline=None,
            reward_model=reward_model,
            mrdr_reward_model=mrdr_reward_model,
            balanced_weights={} if balanced_weights is None else {EVALUATION: balanced_weights},
            estimators=resolve_estimators(estimators, ESTIMATORS),
            **shared_options(asked, function="evaluate"),
        ),
    )


def compare(
    feedback: pd.DataFrame,
    policies: Mapping[str, Any],
    reward_model: Any = None,
    estimators: Sequence[Estimator | Tuned | str] | None = None,
    *,
    baseline: str | None = BEHAVIOR,
    balanced_weights: Mapping[str, Any] | None = None,
    **asked: Unpack[Keywords],
) -> pd.DataFrame:
    """Paired differences of several policies from one of them, or from the policy that logged.

    Both values come from the same rows, so what they share cancels.

    Args:
        feedback: this, and whatever is not named here, as in ``evaluate``.
        policies: by name, probabilities as in ``evaluate``.
        baseline: name of the policy to subtract; ``behavior`` for the logged mean; None for no difference,
            the values of all policies in one table.
        balanced_weights: by policy.

    Returns:
        As ``evaluate``, a row per policy, objective and estimator; ``value`` is policy minus baseline.
    """
    _check_baseline(policies, baseline)
    return ask(
        feedback,
        policies,
        Options(
            baseline=baseline,
            reward_model=reward_model,
            balanced_weights=balanced_weights or {},
            estimators=resolve_estimators(estimators, ESTIMATORS),
            **shared_options(asked, function="compare"),
        ),
    )


def evaluate_parquet(
    path: str | Path | Sequence[str | Path],
    policies: FrameFunction | str | Mapping[str, FrameFunction | str],
    reward_model: Any = None,
    estimators: Sequence[Estimator | Tuned | str] | None = None,
    *,
    baseline: str | None = None,
    **asked: Unpack[Keywords],
) -> pd.DataFrame:
    """``evaluate`` for a log that does not fit into memory, with the same answer.

    The log is read several times, block by block; memory does not grow with the rows (but with the users,
    where there are some).

    Args:
        path: of a Parquet file, a folder of them, or several files.
        policies: a function from a data frame of logged rows to probabilities, in any form that ``evaluate``
            takes, or the column that holds the probability of the logged action; or a mapping of them by
            name.
        reward_model: None or a ``RidgeRewardModel`` to cross-fit one; ``False`` for none; or a function
            from a data frame of logged rows to predictions, in any form that ``evaluate`` takes.
        baseline: as in ``compare``; None for values.
        asked: this, and whatever is not named here, as in ``evaluate``; the ends of bounded intervals need 24
            bytes a row.

    Raises:
        UserError: as in ``evaluate``.
    """
    named = policies if isinstance(policies, Mapping) else {EVALUATION: policies}
    _check_baseline(named, baseline)
    return answer_from_parquet(
        path,
        named,
        Options(
            baseline=baseline,
            reward_model=reward_model,
            estimators=resolve_estimators(estimators, ESTIMATORS),
            **shared_options(asked, function="evaluate_parquet"),
        ),
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


def _check_baseline(policies: Mapping[str, Any], baseline: str | None) -> None:
    if not policies or BEHAVIOR in policies:
        raise UserError(f"policies is {list(policies)}; name at least one, and none of them {BEHAVIOR!r}")
    if baseline is not None and baseline != BEHAVIOR and (baseline not in policies or len(policies) < 2):
        raise UserError(
            f"baseline is {baseline!r}; it must be {BEHAVIOR!r} or one of the policies {list(policies)}, "
            "beside at least one other"
        )
