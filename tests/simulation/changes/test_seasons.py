from __future__ import annotations

import pytest

from holdfast.simulation.changes.seasons import Holiday, Season
from holdfast.simulation.world import DefaultWorld


def test_a_season_is_a_wave_and_a_holiday_a_hump():
    season = Season(start_day=4, ramp_days=1, strength=0.5, period_days=8)
    assert [season.log_odds(day) for day in (0, 3, 4, 6, 8, 10, 12)] == pytest.approx(
        [0.0, 0.0, 0.0, 0.5, 0.0, -0.5, 0.0]
    )
    holiday = Holiday(start_day=4, ramp_days=3, strength=-2.0)
    found = [holiday.log_odds(day) for day in range(3, 8)]
    assert found == pytest.approx([0.0, -0.5, -2.0, -0.5, 0.0])


def test_people_stay_away_on_a_holiday_and_come_back_after_it():
    world = {"num_users": 800, "num_items": 300, "num_days": 14, "burn_in_days": 6}
    holiday = {"holiday": {"start_day": 5, "ramp_days": 3, "strength": -3.0}}
    runs = [DefaultWorld(**world), DefaultWorld(**world, changes=holiday)]
    usual, without = (run.simulate().truth.visits.groupby("day").size() for run in runs)
    assert without[6] < 0.6 * usual[6]
    assert without[:5].equals(usual[:5])
    assert without[12] > 0.8 * usual[12]
