from __future__ import annotations

from dataclasses import fields, replace

import pandas as pd
import pytest

from holdfast.simulation.limits import LEAST, RANGES, check_calendar, check_numbers, check_sizes
from holdfast.simulation.world import DefaultWorld

SIZES = {name: getattr(DefaultWorld(), name) for name in LEAST}
NUMBERS = {name: getattr(DefaultWorld(), name) for name in RANGES}


def test_every_number_of_a_world_has_a_range():
    numbers = {each.name for each in fields(DefaultWorld) if type(each.default) in (int, float)}
    assert numbers == LEAST.keys() | RANGES.keys()
    assert LEAST.keys().isdisjoint(RANGES)


@pytest.mark.parametrize("name", LEAST)
def test_a_size_below_its_least_is_named(name: str):
    with pytest.raises(ValueError, match=f"{name} is {LEAST[name] - 1}; it must be at least {LEAST[name]}"):
        check_sizes({**SIZES, name: LEAST[name] - 1})


@pytest.mark.parametrize("name", RANGES)
@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_no_number_may_be_nan_or_infinite(name: str, value: float):
    with pytest.raises(ValueError, match=f"{name} is {value}; it must be "):
        check_numbers({**NUMBERS, name: value})


def test_what_is_possible_passes():
    check_sizes(SIZES)
    check_numbers(NUMBERS)
    check_calendar(start="2024-02-29", time_zone="Asia/Kolkata")
    with pytest.raises(ValueError, match="start is '2023-02-29'; it must be a date"):
        check_calendar(start="2023-02-29", time_zone="UTC")


@pytest.mark.parametrize("start", ["2025-W02-1", "20250106", "2025-1-6", "2025-01-06T00:00", "tomorrow", ""])
def test_only_one_form_of_date_passes(start: str):
    with pytest.raises(ValueError, match=f"start is '{start}'; it must be a date, YYYY-MM-DD"):
        DefaultWorld(start=start)


@pytest.mark.parametrize("start", ["0001-01-01", "1900-01-20", "2199-12-20", "9999-12-31"])
def test_a_world_stays_within_three_centuries(start: str):
    with pytest.raises(ValueError, match=f"start is '{start}', and the days that run go from .* to .*;"):
        DefaultWorld(start=start)
    DefaultWorld(start="1900-01-29")
    DefaultWorld(start="2199-11-24")


def test_a_date_that_was_left_out_is_refused_up_front():
    """Samoa went from December 29, 2011 to the 31st."""
    for start in ("2011-12-28", "2012-01-10"):
        with pytest.raises(
            ValueError, match=f"time_zone is 'Pacific/Apia', .* the day 2011-12-30 was left out; .*'{start}'"
        ):
            DefaultWorld(start=start, time_zone="Pacific/Apia")
    DefaultWorld(start="2012-02-01", time_zone="Pacific/Apia")


def test_a_log_can_begin_on_a_day_without_midnight():
    """In São Paulo the clocks went from midnight to one o'clock on November 4, 2018."""
    zone = "America/Sao_Paulo"
    world = DefaultWorld(num_users=40, num_items=60, num_days=3, burn_in_days=1, time_zone=zone)
    log = replace(world, start="2018-11-04").read()
    assert str(log.frame["shown_at"].dt.tz_convert(zone).min().date()) == "2018-11-04"
    assert log.observed_until == pd.Timestamp("2018-11-07", tz=zone)
