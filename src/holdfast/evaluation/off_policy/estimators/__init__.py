"""The estimators; each is a dataclass that holds its settings, and its one method is its formula."""

from holdfast.evaluation.off_policy.estimators.cressie_read import CressieRead
from holdfast.evaluation.off_policy.estimators.direct_method import DirectMethod
from holdfast.evaluation.off_policy.estimators.doubly_robust import (
    DoublyRobust,
    MoreRobustDoublyRobust,
    OptimisticShrinkage,
    SelfNormalizedDoublyRobust,
    SubGaussianDoublyRobust,
    SwitchDoublyRobust,
)
from holdfast.evaluation.off_policy.estimators.estimator import Estimator
from holdfast.evaluation.off_policy.estimators.inverse_propensity import (
    BalancedInversePropensity,
    ClippedInversePropensity,
    InversePropensity,
    SelfNormalizedInversePropensity,
    SubGaussianInversePropensity,
)

__all__ = [
    "BalancedInversePropensity",
    "ClippedInversePropensity",
    "CressieRead",
    "DirectMethod",
    "DoublyRobust",
    "Estimator",
    "InversePropensity",
    "MoreRobustDoublyRobust",
    "OptimisticShrinkage",
    "SelfNormalizedDoublyRobust",
    "SelfNormalizedInversePropensity",
    "SubGaussianDoublyRobust",
    "SubGaussianInversePropensity",
    "SwitchDoublyRobust",
]
