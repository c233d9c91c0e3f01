"""True drift: a world with a change at a severity."""

from __future__ import annotations

import pandas as pd
import pytest
import yaml

from holdfast.core.shipped import shipped_folder
from holdfast.drift.injector import Family
from holdfast.drift.world_drift import WorldDrift
from holdfast.simulation.changes.collection import changes_as_written
from holdfast.simulation.world import DefaultWorld

SHIPPED = sorted((shipped_folder("configs") / "drift").glob("world_*.yaml"))
LADDER = [0.1, 0.2, 0.3, 0.4, 0.5]


def test_severity_0_is_the_world_as_it_is():
    usual = {"churn": {"start_day": 3, "strength": 0.2}}
    found = WorldDrift(schedule="season", strengths=LADDER).changes(usual, severity=0, start_day=9)
    assert found == usual
    assert found is not usual


def test_the_schedule_starts_with_the_window_and_leaves_the_others_alone():
    usual = {"churn": {"start_day": 3, "strength": 0.2}, "unit_change": {"factor": 10.0, "strength": 0.9}}
    drift = WorldDrift(schedule="unit_change", strengths=LADDER, settings={"feature": "content_length"})
    found = drift.changes(usual, severity=4, start_day=9)
    assert found["churn"] == usual["churn"]
    assert found["unit_change"] == {
        "factor": 10.0,
        "feature": "content_length",
        "start_day": 9,
        "ramp_days": 1,
        "strength": 0.4,
    }
    assert usual["unit_change"]["strength"] == 0.9


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_every_shipped_one_is_a_change_that_worlds_have(path):
    values = yaml.safe_load(path.read_text())
    values.pop("_target_")
    drift = WorldDrift(**values)
    for severity in range(6):
        changes = drift.changes(changes_as_written(), severity=severity, start_day=5)
        DefaultWorld(num_users=10, changes=changes)


def test_the_log_before_the_window_is_the_same_bit_for_bit_and_after_it_another_one():
    drift = WorldDrift(schedule="clickbait_fatigue", strengths=[0.2, 0.5, 1.0, 1.5, 2.0])
    sizes = {"num_users": 150, "num_items": 60, "num_days": 6, "burn_in_days": 3}
    usual = DefaultWorld(**sizes).read().frame
    changes = drift.changes(changes_as_written(), severity=5, start_day=3)
    drifted = DefaultWorld(**sizes, changes=changes).read().frame
    cut = usual["shown_at"].dt.floor("D").min() + pd.Timedelta(days=3)
    columns = ["request_id", "user_id", "item_id", "shown_at", "click", "dwell_seconds"]
    before = usual[usual["shown_at"] < cut][columns]
    assert len(before) > 100
    assert before.equals(drifted[drifted["shown_at"] < cut][columns])
    rates = [frame[frame["shown_at"] >= cut]["click"].mean() for frame in (usual, drifted)]
    assert rates[1] != rates[0]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"strengths": [0.1]}, "strengths is"),
        ({"strengths": [0.1, 0.2, 0.3, 0.4, float("nan")]}, "strengths is"),
        ({"strengths": [0.5, 0.4, 0.3, 0.2, 0.1]}, "grow in size"),
        ({"kind": "odd"}, "kind is 'odd'"),
        ({"ramp_days": 0}, "ramp_days is 0"),
    ],
)
def test_bad_settings_are_refused(settings, said):
    with pytest.raises(ValueError, match=said):
        WorldDrift(**{"schedule": "churn", "strengths": LADDER, **settings})


def test_a_change_may_go_down():
    drift = WorldDrift(schedule="season", strengths=[-0.1, -0.2, -0.3, -0.4, -0.5])
    assert drift.changes({}, severity=5, start_day=1)["season"]["strength"] == -0.5


@pytest.mark.parametrize("schedule", ["rotating_interests", "churn", "new_market", "behavior_change"])
@pytest.mark.parametrize("family", ["training", "evaluation", "odd"])
def test_what_stands_in_for_a_held_out_drift_is_held_out_and_no_setting_says_otherwise(schedule, family):
    assert WorldDrift(schedule=schedule, strengths=LADDER).family == Family.HELD_OUT
    with pytest.raises(
        ValueError, match=f"family is '{family}', and the schedule {schedule} is for held_out"
    ):
        WorldDrift(schedule=schedule, strengths=LADDER, family=family)


def test_other_schedules_may_be_chosen_by_or_held_out():
    assert WorldDrift(schedule="season", strengths=LADDER).family == Family.EVALUATION
    assert WorldDrift(schedule="season", strengths=LADDER, family="held_out").family == Family.HELD_OUT
    with pytest.raises(ValueError, match="is for evaluation or held_out"):
        WorldDrift(schedule="season", strengths=LADDER, family="training")
