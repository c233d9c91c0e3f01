from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from holdfast.simulation.long_term_value import LongTermValue


def figures(clicks: list[int], visits: list[int]) -> pd.DataFrame:
    days = len(clicks)
    return pd.DataFrame(
        {
            "day": range(3, 3 + days),
            "clicks": clicks,
            "dwell_seconds": [10.0 * each for each in clicks],
            "active_users": visits,
            "arrived_users": [20] * days,
        }
    )


def test_value_by_hand():
    value = LongTermValue(click_value=1.0, second_value=0.5, visit_value=2.0)
    assert value.daily(figures([4, 0], [6, 1])).tolist() == [(4 + 20 + 12) / 20, 2 / 20]


def test_regret_adds_up_and_may_be_below_zero():
    oracle, policy = figures([2, 6, 6], [0, 0, 0]), figures([4, 4, 2], [0, 0, 0])
    assert LongTermValue().regret(policy, oracle).tolist() == pytest.approx([-0.1, 0.0, 0.2])
    assert LongTermValue().regret(oracle, oracle).tolist() == [0.0, 0.0, 0.0]


def test_nobody_has_no_value():
    nobody = figures([0], [0]).assign(arrived_users=0)
    assert np.isnan(LongTermValue().daily(nobody)[0])


def test_other_days_cannot_be_compared():
    with pytest.raises(ValueError, match="not of the same days"):
        LongTermValue().regret(figures([1], [1]), figures([1, 1], [1, 1]))


def test_values_are_finite():
    with pytest.raises(ValueError, match="visit_value is inf"):
        LongTermValue(visit_value=float("inf"))
