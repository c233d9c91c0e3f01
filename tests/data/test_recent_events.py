from __future__ import annotations

import numpy as np

from holdfast.data.recent_events import ActiveDays, RecentEvents


def test_events_come_in_order_of_time_and_are_forgotten():
    events = RecentEvents({"user": np.int32})
    events.add(np.array([30, 10]), user=np.array([3, 1]))
    events.add(np.array([20, 30]), user=np.array([2, 4]))
    assert events.between(10, 30)["user"].tolist() == [1, 2]
    assert events.between(None, 31)["user"].tolist() == [1, 2, 3, 4]
    assert events.between(31, 99)["user"].tolist() == []
    assert events.forget(20)["user"].tolist() == [1]
    assert events.between(None, 99)["user"].tolist() == [2, 3, 4]
    assert len(events) == 3


def test_active_days_by_hand():
    days = ActiveDays()
    # User 0 on days 1, 5 (twice) and 9; user 1 on day 5; nobody on day 6.
    days.add(np.array([0, 0, 0, 0, 1, -1]), np.array([1, 5, 5, 9, 5, 6]), np.array([10, 58, 50, 90, 51, 60]))
    week, last = days.week_and_last(day=9, known=90, num_users=3)
    assert week.tolist() == [1, 1, 0]
    assert last[:2].tolist() == [5, 5]
    assert last[2] == np.iinfo(np.int64).min
    # Day 5 was first seen at 50 and 51: what is known at 51 is strictly earlier.
    week, last = days.week_and_last(day=8, known=51, num_users=3)
    assert week.tolist() == [2, 0, 0]
    assert last[0] == 5


def test_a_day_that_was_forgotten_is_still_the_last():
    days = ActiveDays()
    days.add(np.array([0, 1]), np.array([1, 8]), np.array([10, 80]))
    days.forget(day=2, known=100)
    days.add(np.array([1]), np.array([20]), np.array([200]))
    week, last = days.week_and_last(day=30, known=300, num_users=2)
    assert (week.tolist(), last.tolist()) == ([0, 0], [1, 20])


def test_a_day_that_is_not_known_yet_is_kept():
    days = ActiveDays()
    days.add(np.array([0]), np.array([1]), np.array([10]))
    days.forget(day=50, known=10)
    _, last = days.week_and_last(day=60, known=11, num_users=1)
    assert last.tolist() == [1]
