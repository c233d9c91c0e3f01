"""The behavior policy changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from holdfast.simulation.changes.schedule import Change
from holdfast.simulation.policies.behavior import behavior_policy
from holdfast.simulation.policies.scored import ScoredPolicy


@dataclass(frozen=True, kw_only=True)
class BehaviorChange(Change):
    r"""The behavior policy explores more or less, and says so in the log with a new version.

    .. math:: \epsilon' = \epsilon + level \, (1 - \epsilon) \quad (level > 0), \qquad
        \epsilon' = \epsilon \, (1 + level) \quad (level < 0)

    Attributes:
        strength: at 1 all slates become random, at -1 none is; in [-1, 1].
    """

    LEAST: ClassVar[float] = -1.0

    def epsilon(self, exploration: float, day: int) -> float:
        """How much the behavior policy explores on a day, in [0, 1].

        Args:
            exploration: epsilon before the change.
            day: today.
        """
        level = self.level(day)
        return exploration + level * (1.0 - exploration) if level > 0 else exploration * (1.0 + level)

    def policy(self, exploration: float, day: int) -> ScoredPolicy:
        """The behavior policy of a day; its version counts the changes so far.

        Args:
            exploration: epsilon before the change.
            day: today.
        """
        changed = 0 if self.strength == 0.0 else min(self.ramp_days, max(0, day - self.start_day + 1))
        return behavior_policy(epsilon=self.epsilon(exploration, day), version=1 + changed)
