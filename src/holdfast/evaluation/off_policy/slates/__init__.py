"""Off-policy evaluation of slates."""

from holdfast.evaluation.off_policy.slates.cascade_model import fit_cascade_model
from holdfast.evaluation.off_policy.slates.estimators import (
    CascadeDoublyRobust,
    IndependentInversePropensity,
    PseudoInverse,
    RewardInteractionInversePropensity,
    SelfNormalizedCascadeDoublyRobust,
    SelfNormalizedIndependentInversePropensity,
    SelfNormalizedPseudoInverse,
    SelfNormalizedRewardInteraction,
    SelfNormalizedSlateInversePropensity,
    SlateEstimator,
    SlateInversePropensity,
)
from holdfast.evaluation.off_policy.slates.evaluate import (
    compare_slates,
    diagnose_slates,
    evaluate_slates,
    evaluate_slates_parquet,
)
from holdfast.evaluation.off_policy.slates.probabilities import SlateProbabilities
from holdfast.evaluation.off_policy.slates.weights import pseudo_inverse_weights

__all__ = [
    "CascadeDoublyRobust",
    "IndependentInversePropensity",
    "PseudoInverse",
    "RewardInteractionInversePropensity",
    "SelfNormalizedCascadeDoublyRobust",
    "SelfNormalizedIndependentInversePropensity",
    "SelfNormalizedPseudoInverse",
    "SelfNormalizedRewardInteraction",
    "SelfNormalizedSlateInversePropensity",
    "SlateEstimator",
    "SlateInversePropensity",
    "SlateProbabilities",
    "compare_slates",
    "diagnose_slates",
    "evaluate_slates",
    "evaluate_slates_parquet",
    "fit_cascade_model",
    "pseudo_inverse_weights",
]
