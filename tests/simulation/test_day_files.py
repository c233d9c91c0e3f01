from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from holdfast.simulation.day_files import DayFiles, keep_days
from holdfast.simulation.loop import days_of
from holdfast.simulation.policies.behavior import behavior_policy
from holdfast.simulation.record import Day
from holdfast.simulation.world import DefaultWorld

WORLD = DefaultWorld(num_users=80, num_items=100, num_days=4, burn_in_days=0)


def assert_same(one: Day, two: Day) -> None:
    assert (one.day, one.policy, one.first_request) == (two.day, two.policy, two.first_request)
    for part in ("requests", "visits"):
        first, second = getattr(one, part), getattr(two, part)
        for each in fields(first):
            left, right = getattr(first, each.name), getattr(second, each.name)
            assert left.dtype == right.dtype
            assert np.array_equal(left, right, equal_nan=left.dtype.kind == "f"), each.name


def test_days_come_back_as_they_were(tmp_path: Path):
    parts, policy = WORLD.mechanisms(), behavior_policy(epsilon=1.0)
    publication = WORLD.publication(parts, policy)
    kept = DayFiles(tmp_path / "days")
    keep_days(days_of(parts, policy), publication, kept)
    expected = [publication.in_order(day) for day in days_of(parts, policy)]
    assert len(kept) == len(expected) == 4
    for one, two in zip(kept, expected, strict=True):
        assert_same(one, two)
    assert_same(kept[-1], expected[3])
    assert [day.day for day in kept[1:3]] == [1, 2]


def test_a_day_that_is_not_there(tmp_path: Path):
    with pytest.raises(IndexError, match="there are 0 days, and none at 0"):
        DayFiles(tmp_path)[0]


def test_what_came_before_a_failure_is_kept(tmp_path: Path):
    parts, policy = WORLD.mechanisms(), behavior_policy(epsilon=1.0)

    def breaks_off():
        days = days_of(parts, policy)
        yield next(days)
        yield next(days)
        raise ValueError("no more")

    kept = DayFiles(tmp_path)
    with pytest.raises(ValueError, match="no more"):
        keep_days(breaks_off(), WORLD.publication(parts, policy), kept)
    assert [day.day for day in kept] == [0, 1]


def test_days_that_are_there_already_count_and_later_ones_are_written_over(tmp_path: Path):
    publication = WORLD.publication(WORLD.mechanisms(), WORLD.behavior_on(0))
    days = [publication.in_order(day) for day in days_of(publication.parts, WORLD.behavior_on(0))]
    first = DayFiles(tmp_path)
    for day in days[:3]:
        first.append(day)
    again = DayFiles(tmp_path, length=2)
    assert [day.day for day in again] == [days[0].day, days[1].day]
    again.append(days[3])
    assert [day.day for day in again] == [days[0].day, days[1].day, days[3].day]
