from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
import pytest

from holdfast.simulation.changes.sensors import (
    MissingSensor,
    NoisySensor,
    SensorFault,
    StuckSensor,
    UnitChange,
)
from holdfast.simulation.items import ObservedItems, draw_items
from holdfast.simulation.policies.random_slates import UniformSlates
from holdfast.simulation.policies.scored import ScoredPolicy
from holdfast.simulation.world import DefaultWorld

_, ITEMS = draw_items(num_items=4000, num_topics=5, first_day=0, num_days=9, missing_share=0.1, seed=3)
WHEN: dict[str, Any] = {"start_day": 2, "ramp_days": 4}


def others_are_the_same(seen: ObservedItems, feature: str) -> bool:
    names = [each.name for each in fields(ObservedItems) if each.name != feature]
    return all(np.array_equal(getattr(seen, name), getattr(ITEMS, name), equal_nan=True) for name in names)


@pytest.mark.parametrize("fault", [MissingSensor, StuckSensor, UnitChange, NoisySensor])
def test_before_the_start_nothing_fails(fault: type[SensorFault]):
    assert fault(**WHEN, strength=1.0).seen(ITEMS, 1, seed=0) is ITEMS
    assert fault(**WHEN, strength=0.0).seen(ITEMS, 5, seed=0) is ITEMS


def test_values_go_missing_and_stay_missing():
    fault = MissingSensor(**WHEN, strength=0.8, feature="headline_score")
    first, last = (np.isnan(fault.seen(ITEMS, day, seed=0).headline_score) for day in (2, 5))
    assert first.mean() == pytest.approx(0.2, abs=0.03)
    assert last.mean() == pytest.approx(0.8, abs=0.03)
    assert last[first].all()
    assert others_are_the_same(fault.seen(ITEMS, 5, seed=0), "headline_score")


def test_a_stuck_sensor_says_one_thing():
    seen = StuckSensor(**WHEN, strength=0.5).seen(ITEMS, 9, seed=0)
    moved = seen.editor_score != ITEMS.editor_score
    moved &= ~np.isnan(ITEMS.editor_score)
    assert moved.mean() == pytest.approx(0.45, abs=0.03), "half of those that have a score"
    there = ITEMS.birth_day <= WHEN["start_day"]
    assert np.unique(seen.editor_score[moved]).tolist() == [np.nanmedian(ITEMS.editor_score[there])]
    assert np.array_equal(np.isnan(seen.editor_score), np.isnan(ITEMS.editor_score))
    assert others_are_the_same(seen, "editor_score")


def test_a_unit_changes_for_the_feature_and_not_for_the_content():
    seen = UnitChange(**WHEN, strength=1.0).seen(ITEMS, 5, seed=0)
    assert np.allclose(seen.content_length, 1000.0 * ITEMS.content_seconds)
    assert others_are_the_same(seen, "content_length")


def test_noise_has_the_size_it_says_and_is_new_every_day():
    fault = NoisySensor(**WHEN, strength=2.0)
    error = fault.seen(ITEMS, 5, seed=0).headline_score - ITEMS.headline_score
    assert error.std() == pytest.approx(2.0 * ITEMS.headline_score.std(), rel=0.05)
    assert abs(error.mean()) < 0.1
    tomorrow = fault.seen(ITEMS, 6, seed=0).headline_score - ITEMS.headline_score
    assert abs(np.corrcoef(error, tomorrow)[0, 1]) < 0.06
    lengths = NoisySensor(**WHEN, strength=3.0, feature="content_length").seen(ITEMS, 5, seed=0)
    assert lengths.content_length.min() == 0.1


@pytest.mark.parametrize("name", ["missing_sensor", "stuck_sensor", "unit_change", "noisy_sensor"])
def test_the_truth_goes_on(name: str):
    """Under a policy that looks at no sensor, everything that happens is the same, bit for bit."""
    policy = ScoredPolicy(exploration=UniformSlates())
    sound = DefaultWorld(num_users=200, num_items=200, num_days=6, burn_in_days=2)
    failed = DefaultWorld(
        num_users=200,
        num_items=200,
        num_days=6,
        burn_in_days=2,
        changes={name: {"start_day": 1, "ramp_days": 1, "strength": 1.0}},
    )
    one, two = sound.simulate(policy), failed.simulate(policy)
    assert one.truth.impressions.equals(two.truth.impressions)
    assert one.truth.visits.equals(two.truth.visits)
    assert np.array_equal(one.truth.items.quality, two.truth.items.quality)
    feature = getattr(failed.mechanisms().changes, name).feature
    same = [column for column in one.log.frame if column != feature]
    assert one.log.frame[same].equals(two.log.frame[same])
    assert not one.log.frame[feature].equals(two.log.frame[feature])


@pytest.mark.parametrize("factor", [0.0, 1e308, -1e10, 1e-10, float("nan"), float("inf")])
def test_a_factor_that_no_log_can_hold_is_refused(factor: float):
    with pytest.raises(ValueError, match=r"^factor is .*; its size must be from 1e-09 to 1e\+09"):
        UnitChange(factor=factor)


@pytest.mark.parametrize("factor", [1e9, -1e9, 1e-9])
def test_the_largest_factors_stay_numbers_in_single_precision(factor: float):
    seen = UnitChange(start_day=0, ramp_days=1, strength=1.0, factor=factor).seen(ITEMS, 1, seed=0)
    assert np.isfinite(np.square(seen.content_length.astype(np.float32))).all()
