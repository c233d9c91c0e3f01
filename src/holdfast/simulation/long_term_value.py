"""What a policy was worth in the long run, and what a better one would have been."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd


@dataclass(frozen=True, kw_only=True)
class LongTermValue:
    r"""Value of a day for each user who had arrived,

    .. math:: (v_c \, clicks + v_s \, seconds + v_v \, visits) / users.

    Attributes:
        click_value: v_c, of a click.
        second_value: v_s, of a second of dwell, in the same units.
        visit_value: v_v, of a user's day with a visit, in the same units.
    """

    click_value: float = 1.0
    second_value: float = 0.0
    visit_value: float = 0.0

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not abs(value) < float("inf"):
                raise ValueError(f"{name} is {value}; it must be a finite number")

    def daily(self, figures: pd.DataFrame) -> pd.Series:
        """Value a user of each day; ``figures`` as of ``ClosedLoop.finish``."""
        total = (
            self.click_value * figures["clicks"]
            + self.second_value * figures["dwell_seconds"]
            + self.visit_value * figures["active_users"]
        )
        return total / figures["arrived_users"].where(figures["arrived_users"] > 0)

    def regret(self, figures: pd.DataFrame, oracle: pd.DataFrame) -> pd.Series:
        """Value a user that the oracle had brought in by each day and the policy had not.

        Below 0 on days by which the policy was ahead: an oracle of the long term gives up something at first.

        Args:
            figures: of the policy.
            oracle: of the long-term oracle, from the same morning.

        Raises:
            ValueError: the two are not of the same days.
        """
        if not np.array_equal(figures["day"], oracle["day"]):
            raise ValueError("the figures of the policy and of the oracle are not of the same days")
        return (self.daily(oracle) - self.daily(figures)).cumsum()
