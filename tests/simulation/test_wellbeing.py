from __future__ import annotations

import math

import numpy as np

from holdfast.simulation.wellbeing import Wellbeing, experience

WELLBEING = Wellbeing(memory=0.2, fatigue_kept=0.6, drift=0.05)


def test_experience_counts_good_clicks_and_letdowns():
    click = np.array([[True, True, True, True, False]])
    dwell = np.array([[31.0, 5.0, 8.0, 20.0, np.nan]])
    content = np.array([[90.0, 90.0, 8.0, 90.0, 90.0]])
    # good: 31 s, and 8 of 8 s; let down: 5 s of 90; 20 s is neither
    assert experience(click, dwell, content, np.zeros((1, 5)))[0] == 1.0
    assert math.isclose(experience(click, dwell, content, np.full((1, 5), 2.0))[0], 0.7)


def test_an_empty_day_and_boredom():
    nothing = np.zeros((2, 3), dtype=bool)
    dwell = np.full((2, 3), np.nan)
    fatigue = np.array([[0.0, 0.0, 0.0], [1.0, 2.0, 3.0]])
    assert np.allclose(experience(nothing, dwell, np.full((2, 3), 60.0), fatigue), [0.0, -0.3])


def test_satisfaction_is_slow_and_bounded():
    after = WELLBEING.satisfaction(np.array([0.5, 0.0, 0.0]), np.array([0.0, 2.0, -100.0]))
    assert np.allclose(after, [0.4, 0.2 * math.tanh(1.0), -0.2])
    state = np.array([0.0])
    for _ in range(200):
        state = WELLBEING.satisfaction(state, np.array([50.0]))
    assert 0.99 < state[0] <= 1.0


def test_every_impression_of_a_topic_tires():
    fatigue = np.zeros((3, 2))
    WELLBEING.tire(fatigue, np.array([2, 0]), np.array([[1, 1, 0], [0, 0, 0]]))
    assert fatigue.tolist() == [[0.75, 0.0], [0.0, 0.0], [0.25, 0.5]]


def test_interests_move_to_what_was_clicked_and_back():
    now, first = np.array([[1.0, 0.0]]), np.array([[0.0, 0.0]])
    moved = WELLBEING.interests(now, first, np.array([[1.0, 0.0]]))
    assert np.allclose(moved, [[1.0 + 0.05 * 0.5 - 0.02, -0.05 * 0.5]])
