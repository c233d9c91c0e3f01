from __future__ import annotations

import numpy as np
import pytest

from holdfast.simulation.policies.epsilon_greedy import EpsilonGreedySlates
from holdfast.simulation.policies.random_slates import UniformSlates
from holdfast.simulation.policies.scored import ScoredPolicy
from holdfast.simulation.policy import ItemScores
from holdfast.simulation.world import DefaultWorld

WORLD = DefaultWorld(num_users=300, num_items=200, num_days=5, burn_in_days=3)


@pytest.fixture(scope="module")
def simulation():
    return WORLD.simulate()


def test_the_behavior_policy_replayed_is_the_log(simulation):
    found = WORLD.replay(WORLD.behavior_on(0))
    frame, truth = simulation.log.frame, simulation.truth.impressions
    for name in ("request_id", "slot", "item_id", "propensity"):
        assert np.array_equal(found[name], frame[name]), name
    for name in ("click_probability", "dwell_log_mean"):
        assert np.allclose(found[name], truth[name], rtol=1e-5), name


@pytest.mark.parametrize("threads", [1, 2])
def test_another_policy_is_asked_and_not_served(simulation, threads: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("holdfast.simulation.loop.BLOCK_USERS", 40)
    promises = WORLD.mechanisms().items.clickbait
    policy = ScoredPolicy(
        exploration=EpsilonGreedySlates(epsilon=0.0), scorers=(ItemScores(scores=promises),)
    )
    found = WORLD.replay(policy, threads=threads)
    candidates = simulation.truth.candidates
    best = np.argsort(-promises[candidates - 1], axis=1, kind="stable")[:, : WORLD.slots]
    expected = np.take_along_axis(candidates, best, axis=1)
    assert np.array_equal(found["item_id"].to_numpy().reshape(-1, WORLD.slots), expected)
    assert (found["propensity"] == 1.0).all()
    # where it would have shown the same item in the same slot, the reaction is the logged one
    same = (found["item_id"] == simulation.log.frame["item_id"]).to_numpy()
    assert 50 < same.sum() < len(same)
    logged = simulation.truth.impressions["click_probability"]
    assert np.allclose(found["click_probability"][same], logged[same], rtol=1e-5)


def test_propensity_weights_recover_the_replayed_truth(simulation):
    """Off-policy in the log, on-policy in the replay: the same mean, within its error."""
    found = WORLD.replay(ScoredPolicy(exploration=UniformSlates()))
    frame = simulation.log.frame
    truth = simulation.truth.impressions["click_probability"].to_numpy()
    weighted = truth * (1 / WORLD.candidates) / frame["propensity"].to_numpy()
    per_request = weighted.reshape(-1, WORLD.slots).mean(axis=1)
    error = per_request.std() / np.sqrt(len(per_request))
    assert abs(per_request.mean() - found["click_probability"].mean()) < 4 * error
    assert abs(truth.mean() - found["click_probability"].mean()) > 4 * error, "or weights would prove nothing"


def test_a_log_on_which_nobody_came_is_said_to_be_one():
    nobody = DefaultWorld(
        num_users=1, num_items=90, num_days=2, burn_in_days=5, established_share=1.0, return_level=-50.0
    )
    with pytest.raises(ValueError, match="nobody visited on any day of the log"):
        nobody.replay(nobody.behavior_on(0))
