from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from holdfast.core.arrays import Floats
from holdfast.simulation.draws import draws
from holdfast.simulation.items import draw_items
from holdfast.simulation.policies.behavior import behavior_policy
from holdfast.simulation.policy import PopularityAndTopics, Requests, check_slates, greedy_slates
from holdfast.simulation.users import draw_users


def requests_for(num_requests: int, *, candidates: list[int], num_slots: int, seed: int = 0) -> Requests:
    """The same candidates for everybody, so that the only chance is the policy's."""
    _, users = draw_users(
        num_users=num_requests,
        num_topics=5,
        first_day=0,
        num_days=2,
        established_share=1.0,
        frailty_sd=1.0,
        seed=seed,
    )
    _, items = draw_items(num_items=40, num_topics=5, first_day=0, num_days=2, missing_share=0.0, seed=seed)
    return Requests(
        day=4,
        num_slots=num_slots,
        user=np.arange(num_requests),
        candidates=np.tile(candidates, (num_requests, 1)),
        recent_topics=np.full((num_requests, 10), -1),
        users=users,
        items=items,
        shows=np.zeros(40),
        clicks=np.zeros(40),
        draws=draws(seed, "policy", 4, 0),
    )


def test_equal_scores_still_make_one_greedy_slate():
    assert greedy_slates(np.array([[1.0, 2.0, 2.0, 1.0]]), num_slots=3).tolist() == [[1, 2, 0]]


def test_popularity_and_topics_by_hand():
    requests = requests_for(2, candidates=[0, 1, 2], num_slots=2)
    shows, clicks = np.zeros(40), np.zeros(40)
    shows[0], clicks[0] = 80.0, 28.0
    requests = replace(requests, shows=shows, clicks=clicks)
    found = PopularityAndTopics(topic_bonus=2.0, prior_rate=0.1, prior_shows=20.0).score(requests)
    bonus = 2.0 * requests.users.declared[:, requests.items.topic[:3]]
    assert np.allclose(found - bonus, np.log([[0.3, 0.1, 0.1]] * 2))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"position": np.array([[0, 1, 2]])}, r"position has shape \(1, 3\); \(1, 2\) is needed"),
        ({"position": np.array([[0, 3]])}, "a position is outside 0 to 2"),
        ({"position": np.array([[-1, 0]])}, "a position is outside 0 to 2"),
        ({"position": np.array([[1, 1]])}, "a slate shows one candidate twice"),
        ({"position": np.array([[0.0, 1.0]])}, "position holds float64"),
        ({"propensity": np.array([[0.5, 0.0]])}, r"1 values of propensity are NaN or outside \(0, 1\]"),
        ({"propensity": np.array([[0.5, np.nan]])}, "1 values of propensity are NaN"),
        ({"slate_propensity": np.array([1.5])}, "1 values of slate_propensity are NaN"),
        ({"slate_propensity": np.array([[1.0]])}, "slate_propensity has shape"),
    ],
)
def test_slates_that_no_log_should_hold_are_refused(change: dict[str, Floats], message: str):
    requests = requests_for(1, candidates=[3, 9, 4], num_slots=2)
    slates = behavior_policy(epsilon=0.1).choose(requests)
    check_slates(slates, requests, policy="p@1")
    with pytest.raises(ValueError, match=f"policy 'p@1' on day 4: {message}"):
        check_slates(replace(slates, **change), requests, policy="p@1")
