"""Off-policy evaluation: what would have happened under another policy, and when a log cannot say."""

from holdfast.evaluation.off_policy.asking import Options
from holdfast.evaluation.off_policy.estimators import (
    BalancedInversePropensity,
    ClippedInversePropensity,
    CressieRead,
    DirectMethod,
    DoublyRobust,
    Estimator,
    InversePropensity,
    MoreRobustDoublyRobust,
    OptimisticShrinkage,
    SelfNormalizedDoublyRobust,
    SelfNormalizedInversePropensity,
    SubGaussianDoublyRobust,
    SubGaussianInversePropensity,
    SwitchDoublyRobust,
)
from holdfast.evaluation.off_policy.evaluate import compare, diagnose, evaluate, evaluate_parquet
from holdfast.evaluation.off_policy.extraction import PredictedRewards
from holdfast.evaluation.off_policy.feedback import FeedbackColumns
from holdfast.evaluation.off_policy.intervals import Intervals
from holdfast.evaluation.off_policy.overlap import Overlap
from holdfast.evaluation.off_policy.policy_probabilities import IndexedRows
from holdfast.evaluation.off_policy.result_table import COLUMNS, is_answer
from holdfast.evaluation.off_policy.reward_models import PerRowRegressor, RidgeRewardModel
from holdfast.evaluation.off_policy.trust import Trust
from holdfast.evaluation.off_policy.tuning import Tuned
from holdfast.evaluation.off_policy.unknown_propensities import (
    estimate_balanced_weights,
    estimate_propensities,
)

__all__ = [
    "COLUMNS",
    "BalancedInversePropensity",
    "ClippedInversePropensity",
    "CressieRead",
    "DirectMethod",
    "DoublyRobust",
    "Estimator",
    "FeedbackColumns",
    "IndexedRows",
    "Intervals",
    "InversePropensity",
    "MoreRobustDoublyRobust",
    "OptimisticShrinkage",
    "Options",
    "Overlap",
    "PerRowRegressor",
    "PredictedRewards",
    "RidgeRewardModel",
    "SelfNormalizedDoublyRobust",
    "SelfNormalizedInversePropensity",
    "SubGaussianDoublyRobust",
    "SubGaussianInversePropensity",
    "SwitchDoublyRobust",
    "Trust",
    "Tuned",
    "compare",
    "diagnose",
    "estimate_balanced_weights",
    "estimate_propensities",
    "evaluate",
    "evaluate_parquet",
    "is_answer",
]
