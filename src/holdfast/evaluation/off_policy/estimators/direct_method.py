"""The direct method: believe the reward model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from holdfast.evaluation.off_policy.formulas import Terms, mean_of
from holdfast.evaluation.off_policy.rounds import Rounds


@dataclass(frozen=True, kw_only=True)
class DirectMethod:
    """``mean(dm)``: no weights, hence little variance, and all of the model's bias.

    Source: Beygelzimer and Langford (2009).
    """

    name: ClassVar[str] = "dm"
    needs: ClassVar[str] = "model"
    reference: ClassVar[str] = "dr"

    @property
    def reduced_above(self) -> float:
        """Every weight is replaced by 0."""
        return 0.0

    def terms(self, rounds: Rounds) -> Terms:
        """``mean(dm)``."""
        return mean_of(rounds.model_value)
