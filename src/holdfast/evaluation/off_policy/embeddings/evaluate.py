"""Off-policy evaluation with many actions, through what they have in common.

N rows, A actions, M joint embeddings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Unpack, cast

import numpy as np
import pandas as pd

from holdfast.core.errors import UserError
from holdfast.evaluation.off_policy.embeddings.embeddings import (
    EmbeddingByChance,
    FixedEmbedding,
    read_embeddings,
)
from holdfast.evaluation.off_policy.embeddings.estimators import (
    MarginalizedInversePropensity,
    OffCEM,
    SelfNormalizedMarginalizedInversePropensity,
)
from holdfast.evaluation.off_policy.embeddings.predictions import predict_actions
from holdfast.evaluation.off_policy.estimator_names import resolve_estimators
from holdfast.evaluation.off_policy.estimators import Estimator
from holdfast.evaluation.off_policy.evaluate import evaluate
from holdfast.evaluation.off_policy.extraction import row_slices
from holdfast.evaluation.off_policy.feedback import Feedback, FeedbackColumns, numbers, read_feedback
from holdfast.evaluation.off_policy.intervals import Intervals
from holdfast.evaluation.off_policy.keywords import (
    Keywords,
    SharedKeywords,
    check_keywords,
    feedback_columns,
)
from holdfast.evaluation.off_policy.policy_probabilities import (
    PolicyProbabilities,
    action_labels,
    read_policy,
)
from holdfast.evaluation.off_policy.reward_predictions import NUM_FOLDS

_EMBEDDING, _PROPENSITY = "embedding", "embedding_propensity"
_TOLERANCE = 1e-5
_EVERYTHING: tuple[Estimator, ...] = (
    MarginalizedInversePropensity(),
    SelfNormalizedMarginalizedInversePropensity(),
    OffCEM(),
)
ESTIMATORS: Mapping[str, Estimator] = {each.name: each for each in _EVERYTHING}
"""By name."""


def evaluate_many_actions(
    feedback: pd.DataFrame,
    evaluation: Any,
    *,
    behavior: Any,
    embeddings: Any,
    estimators: Sequence[Estimator | str] | None = None,
    reward_model: Any = None,
    propensity: str | None = None,
    **asked: Unpack[SharedKeywords],
) -> pd.DataFrame:
    """What rewards would have been under another policy, where single actions are too many to be weighted.

    Actions are weighted by what they share: a joint embedding (MIPS), or a cluster, with a model for the
    differences within it (OffCEM). Everything else is as in ``evaluate``; support and effective sample size
    are those of embeddings.

    Args:
        feedback: logged choices, one row each, N in all.
        evaluation: probabilities of all actions under the policy that is asked about, ``[N, A]`` in any form
            that ``evaluate`` takes.
        behavior: probabilities of all actions under the policy that logged, likewise. That of the logged
            action alone is not enough: those of the actions that share its embedding belong to the weight.
        embeddings: of the actions, ``[A]`` or ``[A, d]`` (all dimensions together are one joint embedding),
            or ``EmbeddingByChance``. For OffCEM, clusters: ``[A]``.
        estimators: ``MarginalizedInversePropensity()``, ``SelfNormalizedMarginalizedInversePropensity()``,
            ``OffCEM()``, or their names; None for all that the arguments allow.
        reward_model: for OffCEM: a ``RewardModel`` to cross-fit; None for ``PairwiseRewardModel`` with these
            clusters; ``False`` for none; or predictions made without these rows, ``[N, A]`` for one
            objective, or a mapping from objectives to them.
        propensity: column of the logged action's propensity, to be held against ``behavior``; None for none.
        asked: whatever is not named here, as in ``evaluate``.

    Returns:
        As ``evaluate``.

    Raises:
        UserError: probabilities, embeddings and feedback do not fit each other, or are impossible.
    """
    check_keywords("evaluate_many_actions", asked, SharedKeywords.__annotations__)
    labels = asked.get("actions")
    for given in (evaluation, behavior):
        labels = labels if labels is not None else action_labels(given)
    policies = {
        name: _all_actions(
            read_policy(given, name=name, num_rows=len(feedback), actions=labels, index=feedback.index)
        )
        for name, given in (("evaluation", evaluation), ("behavior", behavior))
    }
    asked_for = resolve_estimators(estimators, ESTIMATORS)
    num_actions = _same_actions(policies, labels)
    columns = replace(feedback_columns(cast(Keywords, asked)), propensity=_PROPENSITY)
    log = _read_log(feedback, columns, policies, labels, propensity=propensity)
    embedding = _read_embedding(embeddings, labels, num_rows=len(feedback), num_actions=num_actions)
    predictions = None
    if reward_model is not False and _wants_model(asked_for, embedding, log):
        predictions = predict_actions(
            feedback,
            log,
            policies["evaluation"],
            embedding,
            reward_model,
            columns.context,
            labels=labels,
            seed=(asked.get("intervals") or Intervals()).seed,
        )
    marginal, wanted = _marginal_frame(feedback, log, policies, embedding, columns)
    return evaluate(
        marginal,
        wanted,
        reward_model=False if predictions is None else predictions,
        estimators=_chosen(asked_for, model=predictions is not None),
        action=_EMBEDDING,
        propensity=_PROPENSITY,
        rewards=columns.rewards,
        user=columns.user,
        slot=columns.slot,
        utilities=asked.get("utilities"),
        intervals=asked.get("intervals"),
        trust=asked.get("trust"),
    )


def _read_embedding(
    given: Any, labels: Sequence[object] | None, *, num_rows: int, num_actions: int
) -> FixedEmbedding | EmbeddingByChance:
    if isinstance(given, EmbeddingByChance):
        given.check(num_rows=num_rows, num_actions=num_actions)
        return given
    return read_embeddings(given, num_actions=num_actions, labels=labels)


def _all_actions(policy: PolicyProbabilities) -> PolicyProbabilities:
    if policy.num_actions is None:
        raise UserError(
            f"policy {policy.name!r} has probabilities of the logged actions only; a weight of embeddings "
            "sums "
            "over all actions that share one: give them as [rows, actions]"
        )
    return policy


def _same_actions(policies: Mapping[str, PolicyProbabilities], labels: Sequence[object] | None) -> int:
    sizes = {name: policy.num_actions or 0 for name, policy in policies.items()}
    if len(set(sizes.values())) > 1:
        raise UserError(f"the policies have {sizes} actions; give both the same, in the same order")
    size = next(iter(sizes.values()))
    if labels is not None and len(labels) != size:
        raise UserError(f"actions has {len(labels)} labels and the policies {size} columns")
    return size


def _read_log(
    feedback: pd.DataFrame,
    columns: FeedbackColumns,
    policies: Mapping[str, PolicyProbabilities],
    labels: Sequence[object] | None,
    *,
    propensity: str | None,
) -> Feedback:
    """The log, with the logged actions' chances under ``behavior`` as its propensities."""
    # Anything possible, until the actions are known by number.
    log = read_feedback(feedback.assign(**{_PROPENSITY: 1.0}), columns, actions=labels)
    logged = np.empty(log.num_rows)
    for rows in row_slices(log.num_rows):
        policies["evaluation"].block(rows, log.actions[rows])
        logged[rows] = policies["behavior"].block(rows, log.actions[rows]).logged
    log = read_feedback(feedback.assign(**{_PROPENSITY: logged}), columns, actions=labels)
    if propensity is not None:
        if propensity not in feedback.columns:
            raise UserError(f"the feedback has no column {propensity!r}; leave propensity out, or name yours")
        stated = numbers(feedback[propensity])
        apart = ~np.isclose(stated, logged, rtol=_TOLERANCE, atol=0.0)
        if apart.any():
            first = int(np.flatnonzero(apart)[0])
            raise UserError(
                f"column {propensity!r} and behavior disagree in {int(apart.sum())} rows, the first is row "
                f"{first}: "
                f"{stated[first]:.6g} and {logged[first]:.6g}; one of them is not of the policy that logged"
            )
    return log


def _marginal_frame(
    feedback: pd.DataFrame,
    log: Feedback,
    policies: Mapping[str, PolicyProbabilities],
    embedding: FixedEmbedding | EmbeddingByChance,
    columns: FeedbackColumns,
) -> tuple[pd.DataFrame, Any]:
    """The log as one of embeddings, and the evaluation policy's probabilities of them."""
    names = (*columns.rewards, columns.user, columns.slot)
    kept = [name for name in names if name is not None and name in feedback.columns]
    frame = feedback[list(dict.fromkeys(kept))].copy()
    if isinstance(embedding, EmbeddingByChance):
        frame[_EMBEDDING] = 0
        frame[_PROPENSITY] = embedding.chance_of_logged(policies["behavior"])
        if not (frame[_PROPENSITY] > 0.0).all():
            raise UserError("a logged embedding has chance 0 under every action that behavior may choose")
        return frame, embedding.chance_of_logged(policies["evaluation"])
    codes = embedding.codes[log.actions]
    frame[_EMBEDDING] = codes
    behavior = read_policy(
        embedding.marginalize(policies["behavior"]), name="behavior", num_rows=log.num_rows
    )
    chance = np.concatenate([behavior.block(rows, codes[rows]).logged for rows in row_slices(log.num_rows)])
    # A sum of probabilities may exceed 1 by rounding.
    frame[_PROPENSITY] = np.minimum(chance, 1.0)
    return frame, embedding.marginalize(policies["evaluation"])


def _wants_model(
    estimators: Sequence[Estimator] | None, embedding: FixedEmbedding | EmbeddingByChance, log: Feedback
) -> bool:
    if estimators is None:
        return isinstance(embedding, FixedEmbedding) and log.num_rows >= 2 * NUM_FOLDS
    return any(each.needs == "model" for each in estimators)


def _chosen(estimators: Sequence[Estimator] | None, *, model: bool) -> list[Estimator]:
    if estimators is not None:
        return list(estimators)
    chosen: list[Estimator] = [
        MarginalizedInversePropensity(),
        SelfNormalizedMarginalizedInversePropensity(),
    ]
    return [*chosen, OffCEM()] if model else chosen
