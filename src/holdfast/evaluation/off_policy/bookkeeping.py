"""Means that diagnostics need; they travel with the estimators and share their columns."""

from __future__ import annotations

import math
from dataclasses import dataclass

from holdfast.evaluation.off_policy.formulas import Terms, mean_of
from holdfast.evaluation.off_policy.rounds import Rounds

QUANTITIES = (
    "reward",
    "squared_reward",
    "weight",
    "squared_weight",
    "balanced_weight",
    "squared_balanced_weight",
)


@dataclass(frozen=True)
class PlainMean:
    """The mean of a column of a log, in the form of an estimator.

    Attributes:
        quantity: one of ``QUANTITIES``; ``reward`` is the behavior policy's own value.
    """

    quantity: str

    needs: str = "weights"
    reference: str = ""
    reduced_above: float = math.inf

    @property
    def name(self) -> str:
        """Cannot be confused with an estimator's."""
        return f"mean of {self.quantity}"

    def terms(self, rounds: Rounds) -> Terms:
        """``mean(x)``."""
        if self.quantity == "squared_reward":
            return mean_of(rounds.reward * rounds.reward)
        if self.quantity.endswith("balanced_weight"):
            balanced = rounds.balanced_weight
            if balanced is None:
                raise ValueError("balanced_weight is missing")
            return mean_of(balanced if self.quantity == "balanced_weight" else balanced * balanced)
        return mean_of(getattr(rounds, self.quantity))
