from __future__ import annotations

import numpy as np

from holdfast.simulation.changes.churn import Churn
from holdfast.simulation.world import DefaultWorld


def test_the_disappointed_leave_first():
    churn = Churn(start_day=0, ramp_days=1, strength=0.1)
    uniform = np.full(4, 0.15)
    satisfaction = np.array([0.5, 0.0, -0.20, -0.21])  # 0.1 e^0.4 is 0.1492, 0.1 e^0.42 is 0.1522
    assert churn.leave(satisfaction, uniform, 0).tolist() == [False, False, False, True]


def test_who_left_does_not_come_back():
    world = DefaultWorld(
        num_users=300,
        num_items=200,
        num_days=12,
        burn_in_days=0,
        established_share=1.0,
        changes={"churn": {"start_day": 0, "ramp_days": 1, "strength": 1.0}},
    )
    # with a strength of 1 only the satisfied have a chance to stay after their first visit
    visits = world.simulate().truth.visits
    last = visits.groupby("user_id").tail(1)
    stayed = visits.drop(last.index)
    assert len(stayed) > 5
    assert (stayed["satisfaction_after"] > 0.0).all()
