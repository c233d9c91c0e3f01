from __future__ import annotations

import numpy as np

from holdfast.simulation.world import DefaultWorld

WORLD = DefaultWorld(num_users=200, num_items=150, num_days=6, burn_in_days=3, exploration=1.0)


def test_the_truth_stands_row_by_row_beside_the_log():
    simulation = WORLD.simulate()
    frame, truth = simulation.log.frame, simulation.truth
    item = frame["item_id"].to_numpy() - 1
    assert len(truth.impressions) == len(frame)
    assert np.array_equal(truth.impressions["quality"], truth.items.quality[item])
    assert np.array_equal(truth.impressions["clickbait"], truth.items.clickbait[item])
    requests = frame["request_id"].to_numpy()
    assert np.array_equal(truth.requests["request_id"], np.unique(requests))
    assert (truth.candidates[requests] == frame["item_id"].to_numpy()[:, None]).any(axis=1).all()
    # six of twenty, in order, at random
    assert np.allclose(truth.requests["slate_propensity"], 1 / (20 * 19 * 18 * 17 * 16 * 15))
    assert np.allclose(frame["propensity"], 1 / 20)


def test_visits_of_the_truth_are_the_user_days_of_the_log():
    simulation = WORLD.simulate()
    day = simulation.log.local_days()
    logged = set(zip(simulation.log.frame["user_id"], day - day.min(), strict=True))
    assert set(zip(simulation.truth.visits["user_id"], simulation.truth.visits["day"], strict=True)) == logged
