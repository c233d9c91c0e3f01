from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from holdfast.simulation.changes.turnover import CatalogueTurnover
from holdfast.simulation.mechanisms import today
from holdfast.simulation.world import DefaultWorld

BIRTH = np.repeat(np.arange(-20, 20), 100)
CHANGE = CatalogueTurnover(start_day=5, ramp_days=4, strength=0.6)


def test_old_items_go_evenly_and_stay_gone():
    gone = [CHANGE.withdrawn(BIRTH, day, seed=1) for day in range(4, 12)]
    old = BIRTH < 5
    assert [each[old].mean() for each in gone] == pytest.approx(
        [0.0, 0.15, 0.3, 0.45, 0.6, 0.6, 0.6, 0.6], abs=0.03
    )
    assert not gone[-1][~old].any()
    assert all((later | ~earlier).all() for earlier, later in pairwise(gone))


def test_what_is_withdrawn_is_not_drawn():
    world = DefaultWorld(
        num_users=5,
        num_items=2000,
        changes={"catalogue_turnover": {"start_day": 5, "ramp_days": 1, "strength": 1.0}},
    )
    parts = world.mechanisms()
    assert (parts.observed_items.birth_day[today(parts, 4).lottery.alive] < 5).all()
    assert (parts.observed_items.birth_day[today(parts, 6).lottery.alive] >= 5).all()


def test_an_empty_catalogue_says_so():
    world = DefaultWorld(
        num_users=50,
        num_items=100,
        num_days=8,
        burn_in_days=0,
        changes={"catalogue_turnover": {"start_day": 3, "ramp_days": 1, "strength": 1.0}},
    )
    with pytest.raises(ValueError, match="items are alive on day 3, and a request needs candidates=20"):
        world.simulate()
