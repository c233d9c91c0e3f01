from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import permutations

import numpy as np
import pytest
from scipy import stats

from holdfast.core.arrays import Floats
from holdfast.simulation.draws import draws
from holdfast.simulation.items import draw_items
from holdfast.simulation.policy import (
    EpsilonGreedy,
    ItemScores,
    PopularityAndTopics,
    Requests,
    check_slates,
    greedy_slates,
    item_propensity,
)
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


SCORES = np.arange(40) * 1.0


def test_frequencies_agree_with_item_propensities():
    """250,000 requests, 8 candidates, 3 slots; a chi-square a slot, p above 1e-4 (chosen beforehand)."""
    num, epsilon = 250_000, 0.3
    requests = requests_for(num, candidates=[3, 9, 4, 7, 1, 20, 15, 2], num_slots=3)
    slates = EpsilonGreedy(epsilon=epsilon, scorer=ItemScores(scores=SCORES)).choose(requests)
    greedy = np.array([5, 6, 1])
    for slot in range(3):
        counts = np.bincount(slates.position[:, slot], minlength=8)
        expected = np.full(8, epsilon / 8)
        expected[greedy[slot]] += 1.0 - epsilon
        assert stats.chisquare(counts, num * expected).pvalue > 1e-4
        assert np.allclose(slates.propensity[:, slot], expected[slates.position[:, slot]])


def test_frequencies_agree_with_slate_propensities():
    """250,000 requests, all 24 ordered slates of 2 out of 5 but the greedy one, and that one."""
    num, epsilon = 250_000, 0.5
    requests = requests_for(num, candidates=[3, 9, 4, 7, 1], num_slots=2, seed=5)
    slates = EpsilonGreedy(epsilon=epsilon, scorer=ItemScores(scores=SCORES)).choose(requests)
    all_slates = list(permutations(range(5), 2))
    counts = [(slates.position == slate).all(axis=1).sum() for slate in all_slates]
    expected = np.array([epsilon / 20 + (1 - epsilon) * (slate == (1, 3)) for slate in all_slates])
    assert expected.sum() == pytest.approx(1.0)
    assert stats.chisquare(counts, num * expected).pvalue > 1e-4
    for slate, probability in zip(all_slates, expected, strict=True):
        shown = (slates.position == slate).all(axis=1)
        assert np.allclose(slates.slate_propensity[shown], probability)


@pytest.mark.parametrize("epsilon", [0.0, 0.2, 1.0])
def test_propensities_of_a_slot_sum_to_one(epsilon: float):
    greedy = np.tile([4, 0, 2], (6, 1))
    every = np.stack([np.full(3, item) for item in range(6)])
    total = item_propensity(every, greedy, epsilon=epsilon, num_candidates=6).sum(axis=0)
    assert np.allclose(total, 1.0)


def test_without_exploration_the_best_are_shown_in_order():
    requests = requests_for(50, candidates=[3, 9, 4, 7], num_slots=4)
    slates = EpsilonGreedy(epsilon=0.0, scorer=ItemScores(scores=SCORES)).choose(requests)
    assert (slates.position == [1, 3, 2, 0]).all()
    assert (slates.propensity == 1.0).all()
    assert (slates.slate_propensity == 1.0).all()


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


def test_the_name_says_what_was_logged():
    assert EpsilonGreedy(epsilon=0.2).name == "epsilon_greedy(0.2)@1"
    assert EpsilonGreedy(epsilon=1.0, version=3).name == "epsilon_greedy(1)@3"


@pytest.mark.parametrize("epsilon", [-0.1, 1.1, float("nan")])
def test_epsilon_is_a_probability(epsilon: float):
    with pytest.raises(ValueError, match="epsilon is"):
        EpsilonGreedy(epsilon=epsilon)


@dataclass(frozen=True)
class Faulty:
    scores: Floats

    def score(self, requests: Requests) -> Floats:
        return self.scores


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        (np.array([[1.0, np.nan, 2.0]]), "1 of 3 scores are NaN or infinite"),
        (np.array([[1.0, np.inf, 2.0]]), "1 of 3 scores are NaN or infinite"),
        (np.array([[1.0, 2.0]]), r"scores have shape \(1, 2\), and the candidates \(1, 3\)"),
    ],
)
def test_bad_scores_name_the_policy_and_the_day(scores: Floats, message: str):
    requests = requests_for(1, candidates=[3, 9, 4], num_slots=2)
    policy = EpsilonGreedy(epsilon=0.1, scorer=Faulty(scores))
    with pytest.raises(ValueError, match=rf"policy 'epsilon_greedy\(0.1\)@1' \(Faulty\) on day 4: {message}"):
        policy.choose(requests)


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
    slates = EpsilonGreedy(epsilon=0.1).choose(requests)
    check_slates(slates, requests, policy="p@1")
    with pytest.raises(ValueError, match=f"policy 'p@1' on day 4: {message}"):
        check_slates(replace(slates, **change), requests, policy="p@1")
