from __future__ import annotations

import numpy as np
import pytest

from holdfast.simulation.day_figures import day_figures
from holdfast.simulation.loop import Run
from holdfast.simulation.policies.random_slates import UniformSlates
from holdfast.simulation.policies.scored import ScoredPolicy
from holdfast.simulation.world import DefaultWorld

WORLD = DefaultWorld(
    num_users=150,
    num_items=200,
    num_days=4,
    burn_in_days=3,
    changes={"churn": {"start_day": 0, "ramp_days": 1, "strength": 0.3}},
)


def test_figures_are_those_of_the_log_and_of_the_truth():
    policy = ScoredPolicy(exploration=UniformSlates())
    simulation = WORLD.simulate(policy)
    log, visits = simulation.log.frame, simulation.truth.visits
    log = log.assign(day=log["shown_at"].dt.day_of_year - 6)
    run = Run(WORLD.mechanisms())
    yesterday = np.zeros(0, dtype=int)
    while run.day < 4:
        number = run.day
        day = run.step(policy)
        found = day_figures(run.parts, run.state, day, number=number, policy="p@1", yesterday=yesterday)
        yesterday = day.visits.user
        if number < 1:
            continue
        rows, came = log[log["day"] == number], visits[visits["day"] == number]
        assert found.day == number
        assert found.policy == "p@1"
        assert found.active_users == rows["user_id"].nunique() == len(came)
        assert found.requests == rows["request_id"].nunique()
        assert found.impressions == len(rows)
        assert found.clicks == rows["click"].sum()
        assert found.click_rate == pytest.approx(rows["click"].mean())
        assert found.dwell_seconds == pytest.approx(rows["dwell_seconds"].sum())
        assert found.dwell_mean == pytest.approx(rows["dwell_seconds"].mean())
        before = set(visits.loc[visits["day"] == number - 1, "user_id"])
        assert found.back_from_yesterday == pytest.approx(len(before & set(came["user_id"])) / len(before))
        assert found.visitor_satisfaction == pytest.approx(came["satisfaction_after"].mean())
        arrived = simulation.truth.users.arrival_day <= number
        assert found.arrived_users == arrived.sum()
        assert found.gone_users == run.state.gone.sum() > 0
        assert found.satisfaction == pytest.approx(run.state.satisfaction[arrived].mean())
        alive = run.parts.observed_items.birth_day <= number
        assert found.coverage == pytest.approx(rows["item_id"].nunique() / alive.sum())
        share = rows["topic"].value_counts(normalize=True)
        assert found.topic_entropy == pytest.approx(-(share * np.log(share)).sum() / np.log(12))
        assert 0.0 < found.user_concentration < 1.0
        assert 0.0 < found.gini < 1.0


def test_a_day_on_which_nobody_came():
    run = Run(WORLD.mechanisms())
    found = day_figures(run.parts, run.state, None, number=2, policy="p@1", yesterday=np.array([3, 4]))
    assert (found.active_users, found.impressions, found.clicks, found.coverage) == (0, 0, 0, 0.0)
    assert found.back_from_yesterday == 0.0
    assert np.isnan(found.click_rate)
    assert np.isnan(found.gini)
    assert found.satisfaction == 0.0


def test_what_was_withdrawn_is_not_missed():
    """Coverage and gini are over what could have been shown, counted here from the candidates of requests."""
    turnover = {"catalogue_turnover": {"start_day": 1, "ramp_days": 2, "strength": 0.9}}
    # Requests choose from nearly all that is alive, so every item alive is a candidate of somebody.
    world = DefaultWorld(num_users=150, num_items=400, num_days=5, burn_in_days=1, changes=turnover)
    run = Run(world.mechanisms())
    while run.day < 5:
        number = run.day
        day = run.step(ScoredPolicy(exploration=UniformSlates()))
        none = np.zeros(0, dtype=int)
        found = day_figures(run.parts, run.state, day, number=number, policy="p@1", yesterday=none)
        offered, shown = np.unique(day.requests.candidates), np.bincount(day.requests.item.ravel())
        if number == 4:
            withdrawn = world.mechanisms().changes.catalogue_turnover.withdrawn(
                run.parts.observed_items.birth_day, number, seed=0
            )
            assert withdrawn.sum() > 200
            assert found.coverage == pytest.approx((shown > 0).sum() / len(offered), rel=0.02)
            assert found.coverage > 0.9
            counts = np.sort(shown[shown > 0])
            ranks = np.arange(1, len(counts) + 1)
            by_hand = (2 * ranks - len(counts) - 1) @ counts / (len(counts) * counts.sum())
            assert found.gini == pytest.approx(by_hand, abs=0.05)
