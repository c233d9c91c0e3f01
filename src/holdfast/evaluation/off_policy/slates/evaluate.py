"""Off-policy evaluation of slates in data frames.

N rows, Q slates, K slots.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from holdfast.core.errors import UserError
from holdfast.evaluation.off_policy.intervals import Intervals
from holdfast.evaluation.off_policy.question import BEHAVIOR
from holdfast.evaluation.off_policy.slates.asking import SlateQuestion, ask_slates, read_question
from holdfast.evaluation.off_policy.slates.estimators import SlateEstimator
from holdfast.evaluation.off_policy.slates.probabilities import SlateProbabilities
from holdfast.evaluation.off_policy.slates.reach import slot_table
from holdfast.evaluation.off_policy.slates.slate_log import SlateColumns
from holdfast.evaluation.off_policy.slates.weights import slate_weights
from holdfast.evaluation.off_policy.trust import Trust

EVALUATION = "evaluation"
"""Name of the policy where only one is evaluated."""


def evaluate_slates(
    log: pd.DataFrame,
    evaluation: SlateProbabilities,
    *,
    behavior: SlateProbabilities,
    estimators: Sequence[SlateEstimator] | None = None,
    predictions: Any = None,
    rewards: str | Sequence[str] = "click",
    request: str = "request_id",
    slot: str = "slot",
    item: str = "item_id",
    user: str | None = "user_id",
    utilities: Mapping[str, Mapping[str, float]] | None = None,
    intervals: Intervals | None = None,
    trust: Trust | None = None,
    num_candidates: int | None = None,
) -> pd.DataFrame:
    """What slates would have brought in under another policy, and whether the log can say so.

    The value is the mean over requests of the sum of a slate's rewards.

    Args:
        log: a row per slot of a slate, N in all, in any order.
        evaluation: chances of the logged items under the policy that is asked about.
        behavior: chances of the logged items under the policy that logged. Say of what: a column named
            ``propensity`` does not tell, and kinds are never taken for one another.
        estimators: which; None for all whose probabilities both policies have (the pseudo-inverse must be
            asked for, because it has to be told how the log was made).
        predictions: for cascade-DR, ``PredictedRewards`` with a number per row, or a mapping of them by
            objective, made without having seen these rows; ``fit_cascade_model`` makes some.
        rewards: column or columns of outcomes per slot, one objective each.
        request: column of the slate.
        slot: column of the slot, from 0.
        item: column of the item; not looked at where it is missing.
        user: column of the user, whose slates depend on each other; ignored where there is none.
        utilities: by name, weights of objectives in a sum that gets a row of its own.
        intervals: method (``analytic`` or ``bootstrap``), level, resamples; the unit is the slate or the
            user.
        trust: thresholds of abstention.
        num_candidates: how many items slots are filled from, about; with it, an abstention says how much
            uniform exploration would help.

    Returns:
        As ``evaluate``: a row per objective (or utility) and estimator. Effective sample size and mean weight
        are those of the slot where the former is smallest, ``largest_weight`` is that of all slots.

    Raises:
        UserError: the log or the probabilities are impossible, or an estimator lacks the kind that it needs.
    """
    columns = _columns(request, slot, item, rewards, user)
    by_policy = None if predictions is None else {EVALUATION: predictions}
    question = SlateQuestion(
        columns, None, estimators, by_policy, utilities, intervals, trust, num_candidates
    )
    return ask_slates(log, {EVALUATION: evaluation}, behavior, question)


def compare_slates(
    log: pd.DataFrame,
    policies: Mapping[str, SlateProbabilities],
    *,
    behavior: SlateProbabilities,
    baseline: str | None = BEHAVIOR,
    estimators: Sequence[SlateEstimator] | None = None,
    predictions: Mapping[str, Any] | None = None,
    rewards: str | Sequence[str] = "click",
    request: str = "request_id",
    slot: str = "slot",
    item: str = "item_id",
    user: str | None = "user_id",
    utilities: Mapping[str, Mapping[str, float]] | None = None,
    intervals: Intervals | None = None,
    trust: Trust | None = None,
    num_candidates: int | None = None,
) -> pd.DataFrame:
    """Paired differences of several policies of slates from one of them, or from the policy that logged.

    Args:
        log: as in ``evaluate_slates``.
        policies: by name, chances of the logged items.
        behavior: as in ``evaluate_slates``.
        baseline: name of the policy to subtract; ``behavior`` for the logged mean; None for no difference,
            the values of all policies in one table.
        estimators: as in ``evaluate_slates``.
        predictions: by policy, as in ``evaluate_slates``.
        rewards: as in ``evaluate_slates``.
        request: as in ``evaluate_slates``.
        slot: as in ``evaluate_slates``.
        item: as in ``evaluate_slates``.
        user: as in ``evaluate_slates``.
        utilities: as in ``evaluate_slates``.
        intervals: as in ``evaluate_slates``.
        trust: as in ``evaluate_slates``.
        num_candidates: as in ``evaluate_slates``.

    Returns:
        As ``evaluate_slates``, a row per policy, objective and estimator; ``value`` is policy minus baseline.
    """
    if not policies or BEHAVIOR in policies:
        raise UserError(f"policies is {list(policies)}; name at least one, and none of them {BEHAVIOR!r}")
    if baseline is not None and baseline != BEHAVIOR and (baseline not in policies or len(policies) < 2):
        raise UserError(
            f"baseline is {baseline!r}; it must be {BEHAVIOR!r} or one of the policies {list(policies)}, "
            "beside "
            "at least one other"
        )
    columns = _columns(request, slot, item, rewards, user)
    question = SlateQuestion(
        columns, baseline, estimators, predictions, utilities, intervals, trust, num_candidates
    )
    return ask_slates(log, policies, behavior, question)


def diagnose_slates(
    log: pd.DataFrame,
    evaluation: SlateProbabilities,
    *,
    behavior: SlateProbabilities,
    family: str,
    request: str = "request_id",
    slot: str = "slot",
    item: str = "item_id",
    user: str | None = "user_id",
) -> pd.DataFrame:
    """How a log of slates and a policy overlap, slot by slot, whatever the rewards.

    Args:
        log: as in ``evaluate_slates``; rewards are not looked at.
        evaluation: as in ``evaluate_slates``.
        behavior: as in ``evaluate_slates``.
        family: of weights: ``slate``, ``head``, ``marginal``, ``independent_slots`` or ``uniform_rankings``.
        request: as in ``evaluate_slates``.
        slot: as in ``evaluate_slates``.
        item: as in ``evaluate_slates``.
        user: as in ``evaluate_slates``.

    Returns:
        A row per slot: slot, rows, effective_sample_size, mean_weight, mean_weight_error, largest_weight.
    """
    columns = _columns(request, slot, item, slot, user)
    slates, policies, logged = read_question(log, {EVALUATION: evaluation}, behavior, columns)
    weights = slate_weights(family, policies[EVALUATION], logged, slates, wanted_by=f"family {family!r}")
    return slot_table(weights, slates.keys)


def _columns(
    request: str, slot: str, item: str, rewards: str | Sequence[str], user: str | None
) -> SlateColumns:
    names = (rewards,) if isinstance(rewards, str) else tuple(rewards)
    return SlateColumns(request=request, slot=slot, item=item, rewards=names, user=user)
