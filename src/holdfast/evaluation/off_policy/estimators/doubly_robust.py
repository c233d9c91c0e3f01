"""Estimators that correct a reward model by weighted residuals."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from holdfast.evaluation.off_policy.estimators.inverse_propensity import (
    check_shrinkage,
    sub_gaussian_weight,
)
from holdfast.evaluation.off_policy.formulas import Terms, mean_and_ratio, mean_of
from holdfast.evaluation.off_policy.rounds import Rounds


@dataclass(frozen=True, kw_only=True)
class DoublyRobust:
    """``mean(dm + w (r - q))``: unbiased if the weights are right or if the model is.

    Attributes:
        max_weight: weights are clipped to it; infinite for none.

    Source: Dudik, Langford and Li (2011).
    """

    name: ClassVar[str] = "dr"
    needs: ClassVar[str] = "model"

    max_weight: float = math.inf

    def __post_init__(self) -> None:
        if not self.max_weight > 0.0:
            raise ValueError(f"max_weight is {self.max_weight}; it must be above 0, infinite for no clipping")

    @property
    def reference(self) -> str:
        """Without clipping there is nothing to compare with."""
        return "" if self.max_weight == math.inf else "dr"

    @property
    def reduced_above(self) -> float:
        """Weights above L are reduced."""
        return self.max_weight

    def terms(self, rounds: Rounds) -> Terms:
        """``mean(dm + w (r - q))`` with ``w`` at most L."""
        if self.max_weight == math.inf:
            return mean_of(rounds.doubly_robust)
        weight = np.minimum(rounds.weight, self.max_weight)
        return mean_of(rounds.model_value + weight * rounds.residual)


@dataclass(frozen=True, kw_only=True)
class SelfNormalizedDoublyRobust:
    """``mean(dm) + sum(w (r - q)) / sum(w)``.

    Source: Robins, Sued, Lei-Gomez and Rotnitzky (2007) for the normalised correction.
    """

    name: ClassVar[str] = "sndr"
    needs: ClassVar[str] = "model"
    reference: ClassVar[str] = ""

    @property
    def reduced_above(self) -> float:
        """No weight is reduced."""
        return math.inf

    def terms(self, rounds: Rounds) -> Terms:
        """``mean(dm) + sum(w (r - q)) / sum(w)``."""
        return mean_and_ratio(rounds.model_value, rounds.correction, rounds.weight)


@dataclass(frozen=True, kw_only=True)
class SwitchDoublyRobust:
    """``mean(dm + w 1[w <= L] (r - q))``: where the weight is too large, only the model speaks.

    Attributes:
        threshold: L, >= 0; a weight of exactly L still counts.

    Source: Wang, Agarwal and Dudik (2017).
    """

    name: ClassVar[str] = "switch_dr"
    needs: ClassVar[str] = "model"
    reference: ClassVar[str] = "dr"

    threshold: float = 10.0

    def __post_init__(self) -> None:
        if not self.threshold >= 0.0:
            raise ValueError(
                f"threshold is {self.threshold}; it must be at least 0, infinite to never switch"
            )

    @property
    def reduced_above(self) -> float:
        """Weights above L are dropped."""
        return self.threshold

    def terms(self, rounds: Rounds) -> Terms:
        """``mean(dm + w 1[w <= L] (r - q))``."""
        kept = rounds.correction * (rounds.weight <= self.threshold)
        return mean_of(rounds.model_value + kept)


@dataclass(frozen=True, kw_only=True)
class OptimisticShrinkage:
    """``mean(dm + L w / (w^2 + L) (r - q))``: the weights that minimise a bound on the squared error.

    Attributes:
        shrinkage: L, > 0; infinite leaves the weights alone, small values leave little but the model.

    Source: Su, Dimakopoulou, Krishnamurthy and Dudik (2020).
    """

    name: ClassVar[str] = "dr_os"
    needs: ClassVar[str] = "model"
    reference: ClassVar[str] = "dr"

    shrinkage: float = 100.0

    def __post_init__(self) -> None:
        if not self.shrinkage > 0.0:
            raise ValueError(f"shrinkage is {self.shrinkage}; it must be above 0, infinite for none")

    @property
    def reduced_above(self) -> float:
        """Weights above sqrt(L) lose at least half."""
        return math.sqrt(self.shrinkage)

    def terms(self, rounds: Rounds) -> Terms:
        """``mean(dm + L w / (w^2 + L) (r - q))``."""
        # Divided by L, so that an infinite L means the plain weight.
        weight = rounds.weight / (rounds.weight**2 / self.shrinkage + 1.0)
        return mean_of(rounds.model_value + weight * rounds.residual)


@dataclass(frozen=True, kw_only=True)
class SubGaussianDoublyRobust:
    """``mean(dm + w / (1 - L + L w) (r - q))``.

    Attributes:
        shrinkage: L in [0, 1]; 0 leaves the weights alone, 1 makes all of them 1.

    Source: Metelli, Russo and Restelli (2021).
    """

    name: ClassVar[str] = "sub_gaussian_dr"
    needs: ClassVar[str] = "model"
    reference: ClassVar[str] = "dr"

    shrinkage: float = 0.05

    def __post_init__(self) -> None:
        check_shrinkage(self.shrinkage)

    @property
    def reduced_above(self) -> float:
        """Weights above (1 + L) / L lose at least half."""
        return (1.0 + self.shrinkage) / self.shrinkage if self.shrinkage > 0.0 else math.inf

    def terms(self, rounds: Rounds) -> Terms:
        """``mean(dm + w / (1 - L + L w) (r - q))``."""
        weight = sub_gaussian_weight(rounds.weight, self.shrinkage)
        return mean_of(rounds.model_value + weight * rounds.residual)


@dataclass(frozen=True, kw_only=True)
class MoreRobustDoublyRobust:
    """DR whose reward model was fitted for least variance of DR instead of least error of its own.

    Source: Farajtabar, Chow and Ghavamzadeh (2018).
    """

    name: ClassVar[str] = "mrdr"
    needs: ClassVar[str] = "mrdr"
    reference: ClassVar[str] = ""

    @property
    def reduced_above(self) -> float:
        """No weight is reduced."""
        return math.inf

    def terms(self, rounds: Rounds) -> Terms:
        """``mean(dm + w (r - q))`` with that model's ``dm`` and ``q``."""
        if rounds.mrdr_predicted is None or rounds.mrdr_expected is None:
            raise ValueError("mrdr_predicted is missing: give mrdr_reward_model, or let the model be fitted")
        return mean_of(rounds.mrdr_expected + rounds.weight * (rounds.reward - rounds.mrdr_predicted))
