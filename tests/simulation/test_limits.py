from __future__ import annotations

from dataclasses import fields

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
