"""What all estimators have in common."""

from __future__ import annotations

from typing import Protocol

from holdfast.evaluation.off_policy.formulas import Terms
from holdfast.evaluation.off_policy.rounds import Rounds


class Estimator(Protocol):
    """A dataclass that holds the settings of one estimator; its one method is the formula."""

    @property
    def name(self) -> str:
        """Stable, in lower case: ``snips``."""
        ...

    @property
    def needs(self) -> str:
        """``weights``, ``model``, ``mrdr`` or ``balanced``: the columns without which it cannot work."""
        ...

    @property
    def reference(self) -> str:
        """Name of the estimator without its bias, with which it is compared; empty if it has none."""
        ...

    @property
    def reduced_above(self) -> float:
        """Weights above it lose at least half, or what is above it; infinite where none is reduced."""
        ...

    def terms(self, rounds: Rounds) -> Terms:
        """Columns, and the estimate as a function of their means."""
        ...
