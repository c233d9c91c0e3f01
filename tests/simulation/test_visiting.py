from __future__ import annotations

import numpy as np
from scipy.special import expit

from holdfast.simulation.visiting import (
    first_request_seconds,
    latest_start,
    next_request_seconds,
    num_requests,
)


def test_visits_have_one_to_three_requests():
    uniform = np.random.default_rng(0).random((100_000, 2))
    activity = np.full(100_000, 0.4)
    found = num_requests(activity, uniform)
    assert set(found.tolist()) == {1, 2, 3}
    assert abs(found.mean() - (1 + 2 * expit(0.4))) < 0.01


def test_visits_start_within_the_day_around_the_own_hour():
    normal = np.random.default_rng(0).standard_normal(50_000)
    latest = 82_800.0
    noon = first_request_seconds(np.full(50_000, 12.0), normal, latest=latest)
    assert abs(noon.mean() / 3600 - 12.0) < 0.05
    assert abs(noon.std() / 3600 - 2.5) < 0.05
    late = first_request_seconds(np.full(50_000, 22.5), normal, latest=latest)
    assert late.min() > 0.0
    assert late.max() < latest
    # reflected, not piled up at the border
    assert (late > latest - 60).mean() < 0.01


def test_reflection_by_hand():
    found = first_request_seconds(np.array([-1.0, 23.0, 5.0]), np.zeros(3), latest=22.0 * 3600)
    assert np.allclose(found / 3600, [1.0, 21.0, 5.0])


def test_the_next_request_comes_after_what_was_read():
    found = next_request_seconds(np.array([100.0]), np.array([40.0]), np.array([0.5]))
    assert np.allclose(found, 100.0 + 40.0 + 1.0 + 900.0)


def test_the_day_is_long_enough_for_the_last_slate():
    assert latest_start(6, longest_seconds=600.0) == 86_400.0 - 3_600.0
