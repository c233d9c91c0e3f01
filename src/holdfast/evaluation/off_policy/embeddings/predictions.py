"""Predicted rewards of single actions, for OffCEM.

N rows, A actions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from holdfast.core.arrays import Ints
from holdfast.core.errors import UserError
from holdfast.evaluation.off_policy.context_features import learn_encoding
from holdfast.evaluation.off_policy.cross_fitting import cross_fit, fold_of_key
from holdfast.evaluation.off_policy.embeddings.embeddings import EmbeddingByChance, FixedEmbedding
from holdfast.evaluation.off_policy.embeddings.pairwise_model import PairwiseRewardModel
from holdfast.evaluation.off_policy.extraction import PredictedRewards, row_slices
from holdfast.evaluation.off_policy.feedback import Feedback
from holdfast.evaluation.off_policy.policy_probabilities import IndexedRows, PolicyProbabilities
from holdfast.evaluation.off_policy.reward_predictions import NUM_FOLDS, by_objective


def predict_actions(
    feedback: pd.DataFrame,
    log: Feedback,
    policy: PolicyProbabilities,
    embedding: FixedEmbedding | EmbeddingByChance,
    reward_model: Any,
    context: Sequence[str],
    *,
    labels: Sequence[object] | None = None,
    seed: int,
) -> dict[str, PredictedRewards]:
    """Predictions of single actions, at the logged one and averaged over the evaluation policy's."""
    if isinstance(embedding, EmbeddingByChance):
        raise UserError("off_cem needs a cluster for each action; give embeddings as an array, not by chance")
    if reward_model is not None and not hasattr(reward_model, "fit"):
        tables = by_objective(reward_model, log, index=feedback.index, labels=labels)
        return {name: _averaged(table, log.actions, policy, name) for name, table in tables.items()}
    features = learn_encoding([feedback], context).encode(feedback)
    folds = fold_of_key(log.keys, num_folds=NUM_FOLDS, seed=seed)
    model = reward_model or PairwiseRewardModel(embedding.codes)
    found = {}
    for name, reward in log.rewards.items():
        fitted = cross_fit(
            model,
            features,
            log.actions,
            reward,
            folds=folds,
            num_folds=NUM_FOLDS,
            num_actions=embedding.codes.size,
        )
        found[name] = _averaged(fitted, log.actions, policy, name)
    return found


def _averaged(
    predictions: Any, actions: Ints, policy: PolicyProbabilities, objective: str
) -> PredictedRewards:
    if isinstance(predictions, PredictedRewards):
        return predictions
    if isinstance(predictions, IndexedRows):
        predictions = predictions.table[predictions.index]
    shape = (len(actions), policy.num_actions)
    if isinstance(predictions, np.ndarray) and predictions.shape != shape:
        raise UserError(f"predictions of {objective!r} have shape {predictions.shape}; they need {shape}")
    logged, expected = np.empty(len(actions)), np.empty(len(actions))
    for rows in row_slices(len(actions)):
        table = predictions[rows] if isinstance(predictions, np.ndarray) else predictions.rows(rows)
        logged[rows] = table[np.arange(len(table)), actions[rows]]
        expected[rows] = policy.block(rows, actions[rows]).expected(table)
    return PredictedRewards(logged, expected)
