"""Off-policy evaluation of slates in data frames.

N rows, Q slates, K slots.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Unpack

import pandas as pd

from holdfast.evaluation.off_policy.intervals import Intervals
from holdfast.evaluation.off_policy.question import BEHAVIOR
from holdfast.evaluation.off_policy.slates.asking import (
    answer_slates,
    ask_slates,
    check_slate_policies,
    read_part,
    slot_reach,
)
from holdfast.evaluation.off_policy.slates.estimators import SlateEstimator
from holdfast.evaluation.off_policy.slates.keywords import SlateKeywords, slate_question
from holdfast.evaluation.off_policy.slates.probabilities import SlateProbabilities
from holdfast.evaluation.off_policy.slates.slate_log import SlateColumns
from holdfast.evaluation.off_policy.slates.streaming import ParquetSlates, SlatePredictions
from holdfast.evaluation.off_policy.trust import Trust

EVALUATION = "evaluation"
"""Name of the policy where only one is evaluated."""


def evaluate_slates(
    log: pd.DataFrame,
    evaluation: SlateProbabilities,
    *,
    behavior: SlateProbabilities,
    estimators: Sequence[SlateEstimator | str] | None = None,
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
        estimators: which, as objects or (but for the pseudo-inverse) by name; None for all whose
            probabilities both policies have (the pseudo-inverse must be asked for, because it has to be told
            how the log was made).
        predictions: for cascade-DR, ``PredictedRewards`` with a number per row, or a mapping of them by
            objective, made without having seen these rows; ``fit_cascade_model`` makes some.
        rewards: column or columns of outcomes per slot, one objective each.
        request: column of the slate.
        slot: column of the slot, from 0.
        item: column of the item; not looked at where it is missing.
        user: column of the user, whose slates depend on each other; ignored where there is none.
        utilities: by name, weights of objectives in a sum that gets a row of its own.
        intervals: method, level, resamples; the unit is the slate or the user. Bounded methods need slates of
            different users.
        trust: thresholds of abstention.
        num_candidates: how many items slots are filled from, about; with it, an abstention says how much
            uniform exploration would help.

    Returns:
        As ``evaluate``: a row per objective (or utility) and estimator. Effective sample size and mean weight
        are those of the slot where the former is smallest, ``largest_weight`` is that of all slots.

    Raises:
        UserError: the log or the probabilities are impossible, or an estimator lacks the kind that it needs.
    """
    asked: SlateKeywords = {
        "estimators": estimators,
        "rewards": rewards,
        "request": request,
        "slot": slot,
        "item": item,
        "user": user,
        "utilities": utilities,
        "intervals": intervals,
        "trust": trust,
        "num_candidates": num_candidates,
    }
    return ask_slates(
        log,
        {EVALUATION: evaluation},
        behavior,
        slate_question(asked, function="evaluate_slates", baseline=None),
        predictions=None if predictions is None else {EVALUATION: predictions},
    )


def compare_slates(
    log: pd.DataFrame,
    policies: Mapping[str, SlateProbabilities],
    *,
    behavior: SlateProbabilities,
    baseline: str | None = BEHAVIOR,
    predictions: Mapping[str, Any] | None = None,
    **asked: Unpack[SlateKeywords],
) -> pd.DataFrame:
    """Paired differences of several policies of slates from one of them, or from the policy that logged.

    Args:
        log: this, and whatever is not named here, as in ``evaluate_slates``.
        policies: by name, chances of the logged items.
        behavior: as in ``evaluate_slates``.
        baseline: name of the policy to subtract; ``behavior`` for the logged mean; None for no difference,
            the values of all policies in one table.
        predictions: by policy.

    Returns:
        As ``evaluate_slates``, a row per policy, objective and estimator; ``value`` is policy minus baseline.

    Raises:
        UserError: as in ``evaluate_slates``.
    """
    check_slate_policies(policies, baseline)
    question = slate_question(asked, function="compare_slates", baseline=baseline)
    return ask_slates(log, policies, behavior, question, predictions=predictions)


def evaluate_slates_parquet(
    path: str | Path | Sequence[str | Path],
    policies: SlateProbabilities | Mapping[str, SlateProbabilities],
    *,
    behavior: SlateProbabilities,
    baseline: str | None = None,
    predictions: Mapping[str, SlatePredictions] | SlatePredictions | None = None,
    **asked: Unpack[SlateKeywords],
) -> pd.DataFrame:
    """``evaluate_slates`` for a log that does not fit into memory, with the same answer.

    The log is read several times, slates by slates; memory does not grow with the rows (but with the users,
    where there are some). The rows of a slate have to stand together.

    Args:
        path: of a Parquet file, a folder of them, or several files.
        policies: columns with chances of the logged items; or a mapping of them by name.
        behavior: likewise.
        baseline: as in ``compare_slates``; None for values.
        predictions: a function from a data frame of whole slates to what ``evaluate_slates`` takes; with
            several policies, a mapping of them by name.
        asked: this, and whatever is not named here, as in ``evaluate_slates``; the ends of bounded intervals
            need 24 bytes a slate.

    Raises:
        UserError: as in ``evaluate_slates``; or the rows of a slate do not stand together.
    """
    named = policies if isinstance(policies, Mapping) else {EVALUATION: policies}
    check_slate_policies(named, baseline)
    question = slate_question(asked, function="evaluate_slates_parquet", baseline=baseline)
    models = {EVALUATION: predictions} if callable(predictions) else dict(predictions or {})
    source = ParquetSlates(path, named, behavior, question.columns, models)
    return answer_slates(source.parts, question)


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
    columns = SlateColumns(request=request, slot=slot, item=item, rewards=(slot,), user=user)
    part = read_part(log, {EVALUATION: evaluation}, behavior, columns)
    return slot_reach(part, EVALUATION, family)
