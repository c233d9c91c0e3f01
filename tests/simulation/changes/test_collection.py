"""What holds for every change alike."""

from __future__ import annotations

from dataclasses import fields, replace
from functools import cache
from typing import Any

import pandas as pd
import pytest

from holdfast.simulation.changes.collection import Changes, changes_as_written, changes_from
from holdfast.simulation.world import DefaultWorld, Simulation

START = 4
WORLD = DefaultWorld(num_users=250, num_items=250, num_days=8, burn_in_days=4, seed=5)
NAMES = [each.name for each in fields(Changes)]
STRONG = dict.fromkeys(NAMES, 1.0) | {"new_market": 0.4, "churn": 0.2, "catalogue_turnover": 0.5}


@cache
def run(name: str, strength: float) -> Simulation:
    settings = {"start_day": START, "ramp_days": 2, "strength": strength}
    return replace(WORLD, changes={name: settings}).simulate()


@pytest.mark.parametrize("name", NAMES)
def test_without_strength_a_change_is_none_bit_for_bit(name: str):
    assert run(name, 0.0).log.fingerprint() == _usual().log.fingerprint()


@cache
def _usual() -> Simulation:
    return WORLD.simulate()


@pytest.mark.parametrize("name", NAMES)
def test_a_change_changes_the_log_from_its_start_on_and_not_before(name: str):
    usual, changed = _usual().log, run(name, STRONG[name]).log
    start = usual.observed_until - pd.Timedelta(WORLD.num_days - START, "D")
    assert changed.fingerprint() != usual.fingerprint()
    before = [log.as_of(start).frame for log in (usual, changed)]
    if name == "new_market":
        # who is to come later is not there earlier, so those days have fewer users
        assert "east" not in set(before[1]["market"])
        assert set(before[1]["user_id"]) < set(range(1, WORLD.num_users + 1))
        assert "east" in set(changed.frame["market"])
    else:
        assert before[0].equals(before[1])


def test_changes_are_read_as_they_are_written():
    written = changes_as_written()
    assert list(written) == NAMES
    assert all(settings["strength"] == 0.0 for settings in written.values())
    assert changes_from(written) == changes_from({}) == Changes()
    assert changes_from({"season": {"strength": -0.5}}).season.strength == -0.5


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ({"seson": {}}, "changes.seson is unknown; there are new_market, "),
        ({"season": {"start": 3}}, "changes.season.start is unknown; it has start_day, "),
        ({"churn": {"strength": 2.0}}, "changes.churn: strength is 2.0; it must be from 0 to 1"),
        ({"churn": {"ramp_days": 1.5}}, "changes.churn.ramp_days is 1.5; it must be a whole number"),
        ({"churn": {"strength": "much"}}, "changes.churn.strength is 'much'; it must be a number"),
        ({"churn": {"strength": True}}, "changes.churn.strength is True; it must be a number"),
        ({"unit_change": {"factor": 0.0}}, "changes.unit_change: factor is 0.0"),
        ({"missing_sensor": {"feature": "topic"}}, "changes.missing_sensor: feature is 'topic'; choose from"),
        ({"season": {"period_days": 1}}, "changes.season: period_days is 1"),
    ],
)
def test_what_cannot_be_is_named(written: dict[str, dict[str, Any]], message: str):
    with pytest.raises(ValueError, match=message.replace("(", r"\(")):
        DefaultWorld(changes=written)


@pytest.mark.parametrize("settings", [None, 0.5, "strong", [0.5]])
def test_a_change_without_settings_is_named(settings):
    with pytest.raises(ValueError, match=r"changes\.churn is .*; give settings, such as {strength: 0\.5}"):
        changes_from({"churn": settings})
    with pytest.raises(ValueError, match=r"changes is .*; give changes by name"):
        DefaultWorld(changes=settings)
