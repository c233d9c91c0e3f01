from __future__ import annotations

import math
from typing import Any

import pytest

from holdfast.simulation.changes.schedule import Change


def test_a_change_ramps_up_and_stays():
    change = Change(start_day=10, ramp_days=4, strength=0.8)
    assert [change.level(day) for day in (-5, 9, 10, 11, 12, 13, 14, 99)] == pytest.approx(
        [0.0, 0.0, 0.2, 0.4, 0.6, 0.8, 0.8, 0.8]
    )
    assert Change(start_day=0, ramp_days=1, strength=1.0).level(0) == 1.0


@pytest.mark.parametrize(
    ("field", "value"),
    [("start_day", -1), ("ramp_days", 0), ("strength", -0.1), ("strength", 1.1), ("strength", math.nan)],
)
def test_impossible_values_are_named(field: str, value: Any):
    with pytest.raises(ValueError, match=f"{field} is {value}"):
        Change(**{field: value})
