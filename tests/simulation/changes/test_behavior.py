from __future__ import annotations

import pytest

from holdfast.simulation.changes.behavior import BehaviorChange
from holdfast.simulation.world import DefaultWorld


def test_exploration_grows_or_shrinks_and_the_version_counts():
    more = BehaviorChange(start_day=3, ramp_days=2, strength=1.0)
    assert [more.epsilon(0.2, day) for day in (-4, 2, 3, 4, 9)] == pytest.approx([0.2, 0.2, 0.6, 1.0, 1.0])
    assert [more.policy(0.2, day).version for day in (-4, 2, 3, 4, 9)] == [1, 1, 2, 3, 3]
    less = BehaviorChange(start_day=3, ramp_days=2, strength=-1.0)
    assert [less.epsilon(0.2, day) for day in (2, 3, 4)] == pytest.approx([0.2, 0.1, 0.0])
    assert BehaviorChange(strength=0.0).policy(0.2, 99).name == "popularity/epsilon_greedy(0.2)@1"


def test_the_log_says_who_served_and_how_likely_it_was():
    world = DefaultWorld(
        num_users=200,
        num_items=200,
        num_days=5,
        burn_in_days=1,
        changes={"behavior_change": {"start_day": 2, "ramp_days": 1, "strength": 1.0}},
    )
    log = world.read()
    day = log.local_days() - log.local_days().min()
    assert set(log.frame["policy"][day < 2]) == {"popularity/epsilon_greedy(0.2)@1"}
    assert set(log.frame["policy"][day >= 2]) == {"popularity/epsilon_greedy(1)@2"}
    assert (log.frame["propensity"][day >= 2] == 1 / 20).all()
