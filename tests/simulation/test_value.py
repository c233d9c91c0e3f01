from __future__ import annotations

import math
from dataclasses import fields, replace

import numpy as np
import pytest

from holdfast.simulation.policies.epsilon_greedy import EpsilonGreedySlates
from holdfast.simulation.policies.random_slates import UniformSlates
from holdfast.simulation.policies.scored import ScoredPolicy
from holdfast.simulation.policy import ItemScores
from holdfast.simulation.value import Value
from holdfast.simulation.world import DefaultWorld

UNIFORM = ScoredPolicy(exploration=UniformSlates())
# Everybody alike, and return a coin that nothing shown and no absence can bias.
COIN = DefaultWorld(
    num_users=400,
    num_items=200,
    num_days=11,
    burn_in_days=0,
    established_share=1.0,
    frailty_sd=0.0,
    gap_effect=0.0,
    satisfaction_effect=0.0,
    season_effect=0.0,
    return_level=-0.5,
)


def test_the_value_of_a_coin_is_known():
    chance = 1.0 / (1.0 + math.exp(0.5))
    found = COIN.value(UNIFORM, 11, repeats=6)
    # all come on day 0, and on each of ten days after it by the coin
    assert abs(found.visits.mean - (1.0 + 10 * chance)) < 4 * found.visits.standard_error
    assert abs(found.next_day_return.mean - chance) < 4 * found.next_day_return.standard_error
    # of 6 x 400 users with ten coins each
    expected_error = math.sqrt(10 * chance * (1 - chance) / (400 * 6))
    assert 0.3 * expected_error < found.visits.standard_error < 2.5 * expected_error


def test_it_is_what_the_log_of_such_a_policy_shows_on_average():
    world = DefaultWorld(num_users=800, num_items=300, num_days=6, burn_in_days=6)
    found = world.value(UNIFORM, 6, repeats=5)
    simulation = replace(world, exploration=1.0).simulate()
    rate = simulation.log.frame["click"].mean()
    spread = math.sqrt(rate * (1 - rate) / len(simulation.log))
    assert abs(found.click_rate.mean - rate) < 5 * math.hypot(spread, found.click_rate.standard_error)
    assert found.dwell_seconds.mean > found.clicks.mean > 0


def test_luck_differs_and_the_world_does_not():
    parts = COIN.mechanisms()
    other = replace(parts, luck=1)
    assert parts.chance == parts.seed
    assert other.chance != parts.chance
    assert other.users is parts.users
    assert COIN.value(UNIFORM, 3, repeats=2) == COIN.value(UNIFORM, 3, repeats=2, threads=2)


def test_what_is_shown_has_a_value():
    world = DefaultWorld(num_users=1500, num_items=300, num_days=12, burn_in_days=6)
    items = world.mechanisms().items
    greedy = EpsilonGreedySlates(epsilon=0.0)
    clickbait, quality = (
        world.value(ScoredPolicy(exploration=greedy, scorers=(ItemScores(scores=scores),)), 12, repeats=4)
        for scores in (items.clickbait, items.quality)
    )
    gap = quality.visits.mean - clickbait.visits.mean
    assert gap > 4 * math.hypot(quality.visits.standard_error, clickbait.visits.standard_error)
    assert clickbait.click_rate.mean > quality.click_rate.mean
    assert quality.satisfaction.mean > clickbait.satisfaction.mean


def test_every_figure_is_a_number():
    found = COIN.value(UNIFORM, 2, repeats=2)
    for each in fields(Value):
        estimate = getattr(found, each.name)
        assert np.isfinite([estimate.mean, estimate.standard_error]).all(), each.name


def test_a_world_has_no_days_after_its_last():
    with pytest.raises(ValueError, match="horizon_days is 12, num_days is 11 and later_days is 0; raise"):
        COIN.value(UNIFORM, 12)


@pytest.mark.parametrize(("horizon", "repeats", "name"), [(1, 8, "horizon_days"), (5, 1, "repeats")])
def test_too_small_numbers_are_named(horizon: int, repeats: int, name: str):
    with pytest.raises(ValueError, match=f"{name} is 1; it must be at least 2"):
        COIN.value(UNIFORM, horizon, repeats=repeats)
