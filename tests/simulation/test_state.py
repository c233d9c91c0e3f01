from __future__ import annotations

import numpy as np

from holdfast.simulation.state import RECENT_TOPICS, fresh_state
from holdfast.simulation.users import draw_users


def state_of(num_users: int):
    users, _ = draw_users(
        num_users=num_users,
        num_topics=4,
        first_day=0,
        num_days=2,
        established_share=1.0,
        frailty_sd=1.0,
        seed=0,
    )
    return users, fresh_state(users, num_items=3)


def test_clicked_topics_are_remembered_in_order_the_latest_last():
    _, state = state_of(3)
    state.remember(
        np.array([2, 0]), np.array([[3, 1, 2], [0, 0, 0]]), np.array([[True, False, True], [False] * 3])
    )
    assert state.recent_topics[2, -3:].tolist() == [-1, 3, 2]
    assert (state.recent_topics[:2] == -1).all()
    state.remember(np.array([2]), np.array([[1, 1, 0]]), np.array([[False, False, True]]))
    assert state.recent_topics[2, -4:].tolist() == [-1, 3, 2, 0]
    for topic in range(RECENT_TOPICS):
        state.remember(np.array([2]), np.array([[topic]]), np.array([[True]]))
    assert state.recent_topics[2].tolist() == list(range(RECENT_TOPICS))


def test_traffic_fades_by_the_day():
    _, state = state_of(1)
    seen = state.shows
    state.count(np.array([0, 0, 2]), np.array([True, False, True]))
    state.count(np.array([1]), np.array([False]))
    assert np.allclose(state.shows, [1.8, 1.0, 0.9])
    assert np.allclose(state.clicks, [0.9, 0.0, 0.9])
    assert (seen == 0).all(), "what a policy was shown yesterday must not change under it"


def test_a_fresh_state_does_not_share_memory_with_the_truth():
    users, state = state_of(2)
    state.interest += 1.0
    state.last_visit += 1
    assert not np.array_equal(state.interest, users.interest)
    assert not np.array_equal(state.last_visit, users.arrival_day)
