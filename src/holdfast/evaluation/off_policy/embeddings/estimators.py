"""Estimators for many actions; each is a dataclass whose one method is its formula.

The weights are of what actions have in common, ``w = p_e(e | x) / p_b(e | x)``, where ``p(e | x)`` sums a
policy's probabilities over the actions that share the joint embedding (or cluster) e.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from holdfast.evaluation.off_policy.formulas import Terms, mean_of, ratio_of
from holdfast.evaluation.off_policy.rounds import Rounds


@dataclass(frozen=True)
class MarginalizedInversePropensity:
    """MIPS, ``mean(w r)``: unbiased where an action acts on the reward through its embedding only.

    Its weights never exceed those of IPS in the mean square, and with many actions are far below. Where
    actions of one embedding differ in their effect, the difference is a bias that no interval shows.

    Source: Saito and Joachims (2022).
    """

    name: ClassVar[str] = "mips"
    needs: ClassVar[str] = "weights"
    reference: ClassVar[str] = ""

    @property
    def reduced_above(self) -> float:
        """No weight is reduced."""
        return math.inf

    def terms(self, rounds: Rounds) -> Terms:
        """``mean(w r)``."""
        return mean_of(rounds.weighted_reward)


@dataclass(frozen=True)
class SelfNormalizedMarginalizedInversePropensity:
    """SNMIPS, ``sum(w r) / sum(w)`` with the very weights of MIPS.

    Source: Saito and Joachims (2022).
    """

    name: ClassVar[str] = "snmips"
    needs: ClassVar[str] = "weights"
    reference: ClassVar[str] = ""

    @property
    def reduced_above(self) -> float:
        """No weight is reduced."""
        return math.inf

    def terms(self, rounds: Rounds) -> Terms:
        """``sum(w r) / sum(w)``."""
        return ratio_of(rounds.weighted_reward, rounds.weight)


@dataclass(frozen=True)
class OffCEM:
    """``mean(dm + w (r - q))`` with weights of clusters and a model of single actions.

    The weights answer for the effect of the cluster, the model for that of the action within it. Unbiased
    where the model's *differences* between actions of one cluster are right, however wrong its level is.

    Source: Saito, Ren and Joachims (2023).
    """

    name: ClassVar[str] = "off_cem"
    needs: ClassVar[str] = "model"
    reference: ClassVar[str] = ""

    @property
    def reduced_above(self) -> float:
        """No weight is reduced."""
        return math.inf

    def terms(self, rounds: Rounds) -> Terms:
        """``mean(dm + w (r - q))``."""
        return mean_of(rounds.doubly_robust)
