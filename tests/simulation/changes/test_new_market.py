from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from holdfast.simulation.changes.new_market import NewMarket
from holdfast.simulation.loop import Run
from holdfast.simulation.users import DEVICES, MARKETS, draw_users
from holdfast.simulation.world import DefaultWorld

SETTINGS: dict[str, Any] = {
    "num_users": 8000,
    "num_topics": 6,
    "first_day": -5,
    "num_days": 30,
    "established_share": 0.8,
    "frailty_sd": 2.0,
    "seed": 2,
}


def test_it_grows_in_and_leaves_the_others_alone():
    market = NewMarket(start_day=10, ramp_days=5, strength=0.25)
    truth, seen = draw_users(**SETTINGS, new_market=market)
    before, seen_before = draw_users(**SETTINGS)
    newcomer = seen.market == MARKETS.index("east")
    assert newcomer.mean() == pytest.approx(0.25, abs=0.02)
    arrivals = np.bincount(truth.arrival_day[newcomer], minlength=30)
    assert arrivals.nonzero()[0].tolist() == [10, 11, 12, 13, 14]
    assert arrivals[10:15].min() > 0.8 * arrivals[10:15].mean()
    for name in ("interest", "activity", "frailty", "arrival_day"):
        assert np.array_equal(getattr(truth, name)[~newcomer], getattr(before, name)[~newcomer]), name
    for name in ("market", "device", "declared"):
        assert np.array_equal(getattr(seen, name)[~newcomer], getattr(seen_before, name)[~newcomer]), name


def test_it_has_tastes_and_devices_of_its_own():
    truth, seen = draw_users(**SETTINGS, new_market=NewMarket(strength=0.5))
    newcomer = seen.market == MARKETS.index("east")
    gap = np.abs(truth.interest[newcomer].mean(axis=0) - truth.interest[~newcomer].mean(axis=0))
    assert gap.max() > 0.4
    assert (seen.device[newcomer] == DEVICES.index("phone")).mean() == pytest.approx(0.9, abs=0.02)


def test_members_whose_day_comes_after_the_log_are_not_in_it_and_arrive_later():
    changes = {"new_market": {"start_day": 4, "ramp_days": 4, "strength": 0.5}}
    world = DefaultWorld(num_users=200, num_items=150, num_days=6, burn_in_days=2, changes=changes)
    arrival = world.mechanisms().users.arrival_day
    late = arrival >= 6
    assert 20 < late.sum() < 80
    assert arrival.max() == 7
    assert not np.isin(np.flatnonzero(late) + 1, world.read().frame["user_id"]).any()
    parts = replace(world, later_days=2).mechanisms()
    assert np.array_equal(parts.users.arrival_day[:200], arrival), "later days change nobody"
    run, came = Run(parts), []
    while run.day < parts.end_day:
        day = run.step(world.behavior_on(0))
        came.append(day.visits.user)
    assert np.isin(np.flatnonzero(late), np.concatenate(came)).all()
