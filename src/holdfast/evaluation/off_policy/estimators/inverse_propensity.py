"""Estimators that need weights only."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from holdfast.core.arrays import Floats
from holdfast.evaluation.off_policy.formulas import Terms, mean_of, ratio_of
from holdfast.evaluation.off_policy.rounds import Rounds


@dataclass(frozen=True, kw_only=True)
class InversePropensity:
    """``mean(w r)``: unbiased where every action of the evaluation policy could be logged.

    Source: Horvitz and Thompson (1952).
    """

    name: ClassVar[str] = "ips"
    needs: ClassVar[str] = "weights"
    reference: ClassVar[str] = ""

    @property
    def reduced_above(self) -> float:
        """No weight is reduced."""
        return math.inf

    def terms(self, rounds: Rounds) -> Terms:
        """``mean(w r)``."""
        return mean_of(rounds.weighted_reward)


@dataclass(frozen=True, kw_only=True)
class ClippedInversePropensity:
    """``mean(min(w, L) r)``: less variance, biased towards 0.

    Attributes:
        max_weight: L, > 0.

    Source: Ionides (2008).
    """

    name: ClassVar[str] = "clipped_ips"
    needs: ClassVar[str] = "weights"
    reference: ClassVar[str] = "ips"

    max_weight: float = 10.0

    def __post_init__(self) -> None:
        _check_max_weight(self.max_weight)

    @property
    def reduced_above(self) -> float:
        """Weights above L are reduced."""
        return self.max_weight

    def terms(self, rounds: Rounds) -> Terms:
        """``mean(min(w, L) r)``."""
        return mean_of(np.minimum(rounds.weight, self.max_weight) * rounds.reward)


@dataclass(frozen=True, kw_only=True)
class SelfNormalizedInversePropensity:
    """``sum(w r) / sum(w)``: stays within the range of the rewards, and does not mind an offset in them.

    Attributes:
        max_weight: weights are clipped to it in both sums; infinite for none.

    Source: Swaminathan and Joachims (2015).
    """

    name: ClassVar[str] = "snips"
    needs: ClassVar[str] = "weights"

    max_weight: float = math.inf

    def __post_init__(self) -> None:
        _check_max_weight(self.max_weight)

    @property
    def reference(self) -> str:
        """Without clipping there is nothing to compare with."""
        return "" if self.max_weight == math.inf else "snips"

    @property
    def reduced_above(self) -> float:
        """Weights above L are reduced."""
        return self.max_weight

    def terms(self, rounds: Rounds) -> Terms:
        """``sum(w r) / sum(w)`` with ``w`` at most L."""
        if self.max_weight == math.inf:
            return ratio_of(rounds.weighted_reward, rounds.weight)
        weight = np.minimum(rounds.weight, self.max_weight)
        return ratio_of(weight * rounds.reward, weight)


@dataclass(frozen=True, kw_only=True)
class SubGaussianInversePropensity:
    """``mean(w / (1 - L + L w) r)``: weights are pulled smoothly towards 1.

    Attributes:
        shrinkage: L in [0, 1]; 0 leaves the weights alone, 1 makes all of them 1.

    Source: Metelli, Russo and Restelli (2021).
    """

    name: ClassVar[str] = "sub_gaussian_ips"
    needs: ClassVar[str] = "weights"
    reference: ClassVar[str] = "ips"

    shrinkage: float = 0.05

    def __post_init__(self) -> None:
        check_shrinkage(self.shrinkage)

    @property
    def reduced_above(self) -> float:
        """Weights above (1 + L) / L lose at least half."""
        return (1.0 + self.shrinkage) / self.shrinkage if self.shrinkage > 0.0 else math.inf

    def terms(self, rounds: Rounds) -> Terms:
        """``mean(w / (1 - L + L w) r)``."""
        weight = sub_gaussian_weight(rounds.weight, self.shrinkage)
        return mean_of(weight * rounds.reward)


@dataclass(frozen=True, kw_only=True)
class BalancedInversePropensity:
    """``sum(w r) / sum(w)`` with weights from a classifier that tells the two policies apart.

    For logs whose propensities are unknown. The weights are only as good as the classifier: nothing in the
    log says whether they are right, so read its mean weight and its calibration first.

    Attributes:
        max_weight: weights are clipped to it in both sums; infinite for none.

    Source: Arbour, Dimmery and Sondhi (2021).
    """

    name: ClassVar[str] = "balanced_ips"
    needs: ClassVar[str] = "balanced"
    reference: ClassVar[str] = ""

    max_weight: float = math.inf

    def __post_init__(self) -> None:
        _check_max_weight(self.max_weight)

    @property
    def reduced_above(self) -> float:
        """Weights above L are reduced."""
        return self.max_weight

    def terms(self, rounds: Rounds) -> Terms:
        """``sum(w r) / sum(w)`` with the classifier's ``w``, at most L."""
        if rounds.balanced_weight is None:
            raise ValueError("balanced_weight is missing: estimate it first, or give it as balanced_weights")
        weight = np.minimum(rounds.balanced_weight, self.max_weight)
        return ratio_of(weight * rounds.reward, weight)


def _check_max_weight(max_weight: float) -> None:
    if not max_weight > 0.0:
        raise ValueError(f"max_weight is {max_weight}; it must be above 0, and infinite for no clipping")


def check_shrinkage(shrinkage: float) -> None:
    """Raises ValueError outside [0, 1]."""
    if not 0.0 <= shrinkage <= 1.0:
        raise ValueError(f"shrinkage is {shrinkage}; it must lie in [0, 1], and 0 is none")


def sub_gaussian_weight(weight: Floats, shrinkage: float) -> Floats:
    """``w / (1 - L + L w)``, ``[N]``; a weight of 0 stays 0 for every L."""
    below = 1.0 - shrinkage + shrinkage * weight
    return np.asarray(np.divide(weight, below, out=np.zeros_like(weight), where=below > 0.0))
