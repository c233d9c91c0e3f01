from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np

from holdfast.simulation.users import DEVICES, MARKET_SHARES, draw_users

SETTINGS: dict[str, Any] = {
    "num_users": 20_000,
    "num_topics": 8,
    "first_day": -10,
    "num_days": 30,
    "established_share": 0.5,
    "frailty_sd": 2.0,
    "seed": 3,
}


def test_the_population_has_the_moments_of_its_equations():
    truth, observed = draw_users(**SETTINGS)
    assert truth.interest.shape == observed.declared.shape == (20_000, 8)
    assert abs(truth.frailty.mean()) < 0.06
    assert abs(truth.frailty.std() - 2.0) < 0.05
    one_market = observed.market == 0
    assert abs(truth.interest[one_market].std(axis=0).mean() - 1.0) < 0.02
    share = np.bincount(observed.market, minlength=len(MARKET_SHARES)) / 20_000
    assert np.abs(share - MARKET_SHARES).max() < 0.02
    phone = observed.device == DEVICES.index("phone")
    assert abs(phone[one_market].mean() - 0.6) < 0.02
    # cov(activity, frailty / sd) = 0.8 * 0.6 within a market
    within = np.cov(truth.activity[one_market], truth.frailty[one_market] / 2.0)[0, 1]
    assert abs(within - 0.48) < 0.03


def test_arrivals_are_established_or_even():
    truth, _ = draw_users(**SETTINGS)
    arrival = truth.arrival_day
    assert arrival.min() == -10
    assert arrival.max() == 29
    # half at once, and of the others one in 40 on any day, the first included
    assert abs((arrival == -10).mean() - 0.5125) < 0.02
    later = np.bincount(arrival + 10)[1:] / 20_000
    assert np.abs(later - 0.5 / 40).max() < 0.005


def test_declared_topics_are_three_and_mostly_liked():
    truth, observed = draw_users(**SETTINGS)
    assert (observed.declared.sum(axis=1) == 3).all()
    liked = truth.interest[observed.declared].mean() - truth.interest[~observed.declared].mean()
    assert liked > 1.0
    best = np.argsort(-truth.interest, axis=1)[:, :3]
    right = np.take_along_axis(observed.declared, best, axis=1).mean()
    assert 0.6 < right < 0.9, "declared topics should be informative and not the whole truth"


def test_same_seed_same_people_and_a_knob_moves_only_its_own():
    first, seen = draw_users(**SETTINGS)
    again, seen_again = draw_users(**SETTINGS)
    other, seen_other = draw_users(**{**SETTINGS, "frailty_sd": 1.0})
    for one, two in ((first, again), (seen, seen_again)):
        assert all(np.array_equal(getattr(one, each.name), getattr(two, each.name)) for each in fields(one))
    assert np.allclose(other.frailty * 2.0, first.frailty)
    assert np.array_equal(other.arrival_day, first.arrival_day)
    assert np.array_equal(seen_other.declared, seen.declared)
