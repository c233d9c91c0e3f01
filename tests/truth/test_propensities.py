"""A policy does what it logs: a million draws against the logged chances, for every policy."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest
from scipy import stats

from holdfast.core.arrays import Floats, Ints
from holdfast.simulation.draws import draws
from holdfast.simulation.items import draw_items
from holdfast.simulation.policies.epsilon_greedy import EpsilonGreedySlates
from holdfast.simulation.policies.plackett_luce import PlackettLuce, chance_given_earlier
from holdfast.simulation.policies.posterior_sampling import PosteriorSampling
from holdfast.simulation.policies.random_slates import UniformSlates
from holdfast.simulation.policies.random_slots import RandomSlots
from holdfast.simulation.policies.scored import Exploration, ScoredPolicy
from holdfast.simulation.policies.stated_probabilities import StatedProbabilities
from holdfast.simulation.policies.uncertainty_bonus import UncertaintyBonus
from holdfast.simulation.policy import ItemScores, Policy, Requests, Slates
from holdfast.simulation.users import draw_users

NUM_DRAWS = 1_000_000
CANDIDATES, SLOTS = 6, 3
LEAST_P_VALUE = 1e-4
"""Chosen beforehand: four tests a policy, about fifty in all, so a right policy fails once in 200 suites."""

# Members that agree on nothing, with gaps that leave no slate below one in ten thousand under a softmax.
SCORES = np.array(
    [[0.9, -0.4, 0.3, 1.2, -0.8, 0.0], [-0.2, 1.1, 0.4, 0.6, 0.1, -0.9], [1.0, 0.2, -0.6, 0.5, 0.8, -0.3]]
)
MEMBERS = tuple(ItemScores(scores=row) for row in SCORES)


@dataclass(frozen=True)
class Table:
    weights: tuple[float, ...]

    def probabilities(self, requests: Requests) -> Floats:
        share = np.asarray(self.weights) / sum(self.weights)
        return np.asarray(share[requests.candidates])


def around(exploration: Exploration) -> ScoredPolicy:
    return ScoredPolicy(exploration=exploration, scorers=MEMBERS, ranker="test")


SOFT = around(PlackettLuce(temperature=0.5))
POLICIES: list[Policy] = [
    around(UniformSlates()),
    around(EpsilonGreedySlates(epsilon=0.3)),
    SOFT,
    around(RandomSlots(num_random=1, where="last")),
    around(RandomSlots(num_random=2, where="anywhere")),
    around(RandomSlots(num_random=3, where="anywhere")),
    around(PosteriorSampling(epsilon=0.0)),
    around(PosteriorSampling(epsilon=0.2)),
    around(UncertaintyBonus(bonus=1.0, epsilon=0.2)),
    StatedProbabilities(chooser=Table((5.0, 1.0, 0.0, 3.0, 0.5, 0.5))),
]


def million_requests() -> Requests:
    """A million requests with the same candidates; the only chance is the policy's."""
    _, users = draw_users(
        num_users=2,
        num_topics=2,
        first_day=0,
        num_days=2,
        established_share=1.0,
        frailty_sd=1.0,
        seed=0,
    )
    _, items = draw_items(
        num_items=CANDIDATES, num_topics=2, first_day=0, num_days=2, missing_share=0.0, seed=0
    )
    return Requests(
        day=0,
        num_slots=SLOTS,
        user=np.arange(NUM_DRAWS),
        candidates=np.tile(np.arange(CANDIDATES), (NUM_DRAWS, 1)),
        recent_topics=np.zeros((NUM_DRAWS, 0), dtype=np.int64),
        users=users,
        items=items,
        shows=np.zeros(CANDIDATES),
        clicks=np.zeros(CANDIDATES),
        draws=draws(3, "policy", 0, 0),
    )


REQUESTS = million_requests()


@cache
def softly_chosen() -> Slates:
    return SOFT.choose(REQUESTS)


def p_value(code: Ints, logged: Floats, *, num_codes: int) -> float:
    """Of the counts of what was done under the chances that were logged for it.

    Whatever was never done takes what is left of the probability; cells below five expected are one cell.
    """
    counts = np.bincount(code, minlength=num_codes)
    chance = np.zeros(num_codes)
    chance[code] = logged
    np.testing.assert_allclose(chance[code], logged, rtol=1e-9, err_msg="one choice, two chances")
    assert chance.sum() <= 1.0 + 1e-9
    assert chance.sum() > 1.0 - 20 / NUM_DRAWS, "the chances of what was done do not sum to 1"
    expected = NUM_DRAWS * chance
    small = expected < 5.0
    counts = np.append(counts[~small], counts[small].sum())
    expected = np.append(expected[~small], NUM_DRAWS - expected[~small].sum())
    if expected[-1] < 1e-3:
        assert counts[-1] == 0
        counts, expected = counts[:-1], expected[:-1]
    if len(expected) == 1:
        return 1.0
    return float(stats.chisquare(counts, expected * counts.sum() / expected.sum()).pvalue)


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.name)
def test_frequencies_agree_with_logged_propensities(policy: Policy):
    slates = softly_chosen() if policy is SOFT else policy.choose(REQUESTS)
    whole = slates.position @ CANDIDATES ** np.arange(SLOTS)
    assert p_value(whole, slates.slate_propensity, num_codes=CANDIDATES**SLOTS) > LEAST_P_VALUE
    for slot in range(SLOTS):
        shown, logged = slates.position[:, slot], slates.propensity[:, slot]
        assert p_value(shown, logged, num_codes=CANDIDATES) > LEAST_P_VALUE


def test_the_proof_can_fail():
    """Two mistakes that look right: the chance given the earlier slots, and a softmax that forgets them."""
    slates = softly_chosen()
    weights = np.exp(SCORES.mean(axis=0) / 0.5)
    last = slates.position[:, 2]
    given_earlier = chance_given_earlier(np.tile(weights, (NUM_DRAWS, 1)), slates.position)[:, 2]
    with pytest.raises(AssertionError, match="one choice, two chances"):
        p_value(last, given_earlier, num_codes=CANDIDATES)
    assert p_value(last, (weights / weights.sum())[last], num_codes=CANDIDATES) < 1e-12
