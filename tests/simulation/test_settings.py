from __future__ import annotations

from typing import Any

import pytest

from holdfast.simulation.closed_loop import Schedule
from holdfast.simulation.settings import SimulationSettings


def test_a_schedule_trains_only_for_those_who_retrain():
    settings = SimulationSettings(num_days=9, retrain_every_days=4, window_days=5)
    assert settings.schedule(3, retrains=True) == Schedule(
        first_day=3, num_days=9, every_days=4, window_days=5
    )
    assert settings.schedule(3, retrains=False).every_days == 0


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"num_days": 0}, "num_days is 0; it must be at least 1"),
        ({"retrain_every_days": -1}, "retrain_every_days is -1"),
        ({"window_days": -1}, "window_days is -1"),
        ({"warm_epochs": 0}, "warm_epochs is 0"),
        ({"threads": 0}, "threads is 0"),
        ({"first_day": -1}, "first_day is -1"),
        ({"start": "tepid"}, "start is 'tepid'; choose warm or cold"),
        ({"level": 1.0}, "level is 1.0"),
        ({"level": float("nan")}, "level is nan"),
        ({"seeds": []}, r"seeds are \[\]; give different whole numbers"),
        ({"seeds": [1, 1]}, r"seeds are \[1, 1\]"),
        ({"seeds": [-1]}, r"seeds are \[-1\]"),
        ({"value": 3}, "value is 3; give click_value"),
    ],
)
def test_what_is_out_of_range_is_refused(fields: dict[str, Any], message: str):
    with pytest.raises(ValueError, match=message):
        SimulationSettings(**fields)
