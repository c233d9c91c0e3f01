from __future__ import annotations

import numpy as np
import pytest

from holdfast.data.log import local_midnight
from holdfast.simulation.calendar import day_lengths, first_date, short_days

HOUR = 3600.0


@pytest.mark.parametrize(
    ("zone", "start"),
    [
        ("UTC", "2024-03-01"),
        ("Europe/Copenhagen", "2024-03-20"),
        ("America/Sao_Paulo", "2018-10-20"),
        ("America/Havana", "2024-10-20"),
        ("Australia/Lord_Howe", "2024-09-20"),
        ("Pacific/Apia", "2011-12-20"),
    ],
)
def test_lengths_are_those_between_the_midnights_of_the_log(zone: str, start: str):
    found = day_lengths(start=start, time_zone=zone, first_day=-40, end_day=60)
    midnights = [local_midnight(first_date(start) + day, zone).timestamp() for day in range(-40, 61)]
    assert found.tolist() == np.diff(midnights).tolist()


def test_the_clocks_change():
    where = {"time_zone": "Europe/Copenhagen", "first_day": 0, "end_day": 300}
    lengths = day_lengths(start="2024-03-28", **where)
    odd = {day: lengths[day] for day in np.flatnonzero(lengths != 24 * HOUR)}
    assert odd == {3: 23 * HOUR, 213: 25 * HOUR}
    assert short_days(start="2024-03-28", **where) == {3: 23 * HOUR}
    assert short_days(start="2024-04-02", time_zone="Europe/Copenhagen", first_day=-4, end_day=1) == {
        -2: 23 * HOUR
    }
    assert short_days(start="2024-03-28", time_zone="UTC", first_day=0, end_day=300) == {}
    assert first_date("1970-01-02") == 1
