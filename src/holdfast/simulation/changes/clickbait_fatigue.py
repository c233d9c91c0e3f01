"""Clickbait fatigue: people have learned what a promise is worth, and a click what it was."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from holdfast.simulation.changes.schedule import Change
from holdfast.simulation.reactions import Reactions


@dataclass(frozen=True, kw_only=True)
class ClickbaitFatigue(Change):
    r"""Clicks lose their meaning; what people stay for does not change.

    .. math:: \beta_c' = \beta_c (1 - level), \qquad \beta_m' = \beta_m (1 - level / 2)

    for the appeal of clickbait and of interest: drift of clicks given features, with dwell given features
    as it was.

    Attributes:
        strength: at 1 promises do not work any more and interest half as much; at 2 promises put off as much
            as they attracted, and clicks do not depend on interest. In [0, 2].
    """

    MOST: ClassVar[float] = 2.0

    def reactions(self, usual: Reactions, day: int) -> Reactions:
        """How users react on a day."""
        level = self.level(day)
        if level == 0.0:
            return usual
        return replace(
            usual,
            clickbait_appeal=usual.clickbait_appeal * (1.0 - level),
            interest_appeal=usual.interest_appeal * (1.0 - level / 2.0),
        )
