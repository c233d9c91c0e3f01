from __future__ import annotations

import numpy as np

from holdfast.simulation.mechanisms import today
from holdfast.simulation.world import DefaultWorld


def test_a_day_has_its_weekday_and_its_items():
    parts = DefaultWorld(num_users=10, num_items=300, start="2025-01-08").mechanisms()
    now = today(parts, 5)
    assert now.weekday == 0, "five days after a Wednesday"
    assert np.array_equal(now.age_days, 5 - parts.observed_items.birth_day)
    assert np.array_equal(now.lottery.alive, np.flatnonzero(now.age_days >= 0))
    assert now.mix is parts.items.mix
    assert now.reactions is parts.reactions
