"""Off-policy evaluation with many actions, through what they have in common."""

from holdfast.evaluation.off_policy.embeddings.embeddings import EmbeddingByChance, cluster_actions
from holdfast.evaluation.off_policy.embeddings.estimators import (
    MarginalizedInversePropensity,
    OffCEM,
    SelfNormalizedMarginalizedInversePropensity,
)
from holdfast.evaluation.off_policy.embeddings.evaluate import evaluate_many_actions
from holdfast.evaluation.off_policy.embeddings.pairwise_model import PairwiseRewardModel

__all__ = [
    "EmbeddingByChance",
    "MarginalizedInversePropensity",
    "OffCEM",
    "PairwiseRewardModel",
    "SelfNormalizedMarginalizedInversePropensity",
    "cluster_actions",
    "evaluate_many_actions",
]
