"""Predictions held against outcomes, in whatever order requests were asked about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pytest

from holdfast.app.simulating.ensemble import Ensemble, Prediction, WatchedPolicy
from holdfast.app.simulating.predictions import ExpectedBack, expected_back, judged_the_same_day
from holdfast.simulation.loop import Run
from holdfast.simulation.policies.epsilon_greedy import EpsilonGreedySlates
from holdfast.simulation.policies.random_slates import UniformSlates
from holdfast.simulation.policies.scored import Exploration, ScoredPolicy
from holdfast.simulation.publishing import Publication
from holdfast.simulation.world import DefaultWorld

WORLD = DefaultWorld(num_users=80, num_items=60, num_days=4, burn_in_days=0, established_share=1.0)
OUTPUTS = {"click": "click", "dwell": "seconds", "retention": "back_by_day"}


@dataclass(frozen=True)
class Oddity:
    """Predicts what can be told from ids alone, so that the test knows it as well."""

    shift: float = 0.0
    asked: list[int] = field(default_factory=list)

    def outputs(self, rows: pd.DataFrame) -> Mapping[str, Any]:
        self.asked.append(len(rows))
        item, user = rows["item_id"].to_numpy(), rows["user_id"].to_numpy()
        back = (user % 5) / 5.0 + self.shift
        return {
            "score": ((item * 7) % 11).astype(float) + self.shift,
            "click": (item % 3) / 3.0 + self.shift,
            "seconds": item * 1.0,
            "back_by_day": np.stack([back, back + 9.0], axis=1),
        }


def watched(models: list[Oddity], exploration: Exploration, publication: Publication) -> WatchedPolicy:
    ensemble = Ensemble(models, publication, store=lambda rows: rows)
    policy = ScoredPolicy(exploration=exploration, scorers=ensemble.scorers(), ranker="odd")
    return WatchedPolicy(policy, ensemble, OUTPUTS)


@pytest.fixture(scope="module")
def publication() -> Publication:
    return WORLD.publication(WORLD.mechanisms(), WORLD.behavior_on(0))


@pytest.mark.parametrize("exploration", [EpsilonGreedySlates(epsilon=0.3), UniformSlates()])
def test_what_was_predicted_of_what_was_shown_by_hand(exploration: Exploration, publication: Publication):
    models = [Oddity(), Oddity(shift=0.5)]
    policy = watched(models, exploration, publication)
    day = Run(publication.parts).step(policy)
    assert day is not None
    item, user = day.requests.item + 1, day.requests.user + 1
    click, dwell = judged_the_same_day(day, policy.noted)
    assert click.predicted == pytest.approx((((item % 3) / 3.0) + 0.25).mean())
    assert click.observed == pytest.approx(day.requests.click.mean())
    assert (click.objective, click.n, click.day) == ("click", item.size, 0)
    clicked = day.requests.click
    assert dwell.predicted == pytest.approx(item[clicked].mean())
    assert dwell.observed == pytest.approx(day.requests.dwell_seconds[clicked].mean())
    assert dwell.n == clicked.sum()
    back = expected_back(day, policy.noted)
    assert back is not None
    np.testing.assert_array_equal(back.user, np.unique(day.requests.user))
    np.testing.assert_allclose(back.chance, ((np.unique(user) % 5) / 5.0) + 0.25)


def test_rows_are_made_and_scored_once_a_request_and_model(publication: Publication):
    models = [Oddity(), Oddity(shift=0.5)]
    day = Run(publication.parts).step(watched(models, EpsilonGreedySlates(epsilon=0.0), publication))
    assert day is not None
    assert models[0].asked == models[1].asked
    assert sum(models[0].asked) == day.requests.candidates.size


def test_parts_in_any_order_are_put_back(publication: Publication):
    policy = watched([Oddity()], EpsilonGreedySlates(epsilon=0.0), publication)
    day = Run(publication.parts).step(policy)
    assert day is not None
    shuffled = publication.in_order(day)
    backwards = [
        Prediction(each.user[::-1], each.seconds[::-1], {name: of[::-1] for name, of in each.of.items()})
        for each in reversed(policy.noted)
    ]
    assert judged_the_same_day(shuffled, backwards) == [
        pytest.approx(each) if isinstance(each, float) else each
        for each in judged_the_same_day(shuffled, policy.noted)
    ]


def test_a_model_that_does_not_predict_an_objective_is_not_asked_for_it(publication: Publication):
    policy = watched([Oddity()], EpsilonGreedySlates(epsilon=0.0), publication)
    silent = WatchedPolicy(policy.policy, policy.ensemble, {"click": "click", "retention": "not there"})
    day = Run(publication.parts).step(silent)
    assert day is not None
    assert [each.objective for each in judged_the_same_day(day, silent.noted)] == ["click"]
    assert expected_back(day, silent.noted) is None


def test_who_was_expected_and_who_came():
    expected = ExpectedBack(3, np.array([1, 4, 6]), np.array([0.5, 0.2, 0.8]))
    found = expected.outcome(np.array([2, 4, 6]))
    assert (found.day, found.objective, found.n) == (3, "retention", 3)
    assert found.predicted == pytest.approx(0.5)
    assert found.observed == pytest.approx(2 / 3)
    assert expected.outcome(np.zeros(0, dtype=int)).observed == 0.0
