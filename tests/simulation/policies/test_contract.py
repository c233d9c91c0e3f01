"""What every policy keeps: listed here, or the first test fails."""

from __future__ import annotations

import importlib
import pickle
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest

from holdfast.core.arrays import Floats
from holdfast.simulation import policies
from holdfast.simulation.policies.epsilon_greedy import EpsilonGreedySlates
from holdfast.simulation.policies.plackett_luce import PlackettLuce
from holdfast.simulation.policies.posterior_sampling import PosteriorSampling
from holdfast.simulation.policies.random_slates import UniformSlates
from holdfast.simulation.policies.random_slots import RandomSlots
from holdfast.simulation.policies.scored import Exploration, ScoredPolicy, SlotChances
from holdfast.simulation.policies.stated_probabilities import StatedProbabilities
from holdfast.simulation.policies.uncertainty_bonus import UncertaintyBonus
from holdfast.simulation.policy import ItemScores, Policy, Requests, Slates, check_slates

Make = Callable[..., Requests]
# Three scorers that disagree, the same numbers for everybody; 40 items.
MEMBERS = tuple(
    ItemScores(scores=np.random.default_rng(seed).standard_normal(40) + np.linspace(0, 1, 40))
    for seed in range(3)
)


@dataclass(frozen=True)
class Table:
    """Probabilities of items, made to sum to 1 over the candidates."""

    def probabilities(self, requests: Requests) -> Floats:
        weights = np.exp(MEMBERS[0].scores)[requests.candidates]
        return np.asarray(weights / weights.sum(axis=1, keepdims=True))


EXPLORATIONS: tuple[Exploration, ...] = (
    UniformSlates(),
    EpsilonGreedySlates(epsilon=0.4),
    PlackettLuce(temperature=0.8),
    RandomSlots(num_random=1, where="anywhere"),
    RandomSlots(num_random=1, where="last"),
    PosteriorSampling(epsilon=0.3),
    UncertaintyBonus(bonus=1.5, epsilon=0.3),
)
SCORED = [ScoredPolicy(exploration=each, scorers=MEMBERS, ranker="test") for each in EXPLORATIONS]
POLICIES: list[Policy] = [
    *SCORED,
    StatedProbabilities(chooser=Table()),
]
every_policy = pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.name)


def test_every_exploration_of_the_package_is_listed():
    found = set()
    for info in pkgutil.iter_modules(policies.__path__):
        module = importlib.import_module(f"{policies.__name__}.{info.name}")
        found |= {
            value
            for value in vars(module).values()
            if isinstance(value, type) and hasattr(value, "slates") and hasattr(value, "least_scorers")
        }
    assert found - {Exploration} == {type(each) for each in EXPLORATIONS}


def law(slates: Slates, requests: Requests) -> dict[tuple[int, ...], tuple[float, ...]]:
    """Items of a slate to what was logged for it: the chances of its items and its own."""
    items = np.take_along_axis(requests.candidates, slates.position, axis=1)
    logged = np.column_stack([slates.propensity, slates.slate_propensity])
    code = items @ 100 ** np.arange(items.shape[1])
    _, first, group = np.unique(code, return_index=True, return_inverse=True)
    np.testing.assert_allclose(logged, logged[first][group], rtol=1e-9, err_msg="one slate, two chances")
    return {tuple(items[row].tolist()): tuple(logged[row].tolist()) for row in first}


@every_policy
def test_what_it_chooses_may_be_logged(policy: Policy, requests_for: Make):
    for num_slots in (1, 2, 5):
        requests = requests_for(300, num_slots=num_slots)
        check_slates(policy.choose(requests), requests, policy=policy.name)


@pytest.mark.parametrize("exploration", EXPLORATIONS, ids=lambda each: each.label)
@pytest.mark.parametrize("num_slots", [1, 2, 5])
def test_it_says_the_chance_of_every_candidate_in_every_slot(exploration, num_slots, requests_for: Make):
    requests = requests_for(200, num_slots=num_slots)
    scores = np.random.default_rng(1).normal(size=(3, 200, 5)) * 3
    assert isinstance(exploration, SlotChances)
    table = exploration.slot_chances(scores, num_slots=num_slots)
    assert table.shape == (200, num_slots, 5)
    np.testing.assert_allclose(table.sum(axis=2), 1.0, rtol=1e-9)
    assert (table.sum(axis=1) <= 1.0 + 1e-9).all(), "an item is shown once at most"
    shown = exploration.slates(scores, requests)
    request, slot = np.ogrid[:200, :num_slots]
    np.testing.assert_allclose(table[request, slot, shown.position], shown.propensity, rtol=1e-9)


@every_policy
def test_one_slot_has_one_propensity(policy: Policy, requests_for: Make):
    slates = policy.choose(requests_for(300, num_slots=1))
    np.testing.assert_allclose(slates.propensity[:, 0], slates.slate_propensity, rtol=1e-12)


@every_policy
def test_a_slate_is_no_likelier_than_each_of_its_items(policy: Policy, requests_for: Make):
    slates = policy.choose(requests_for(500, num_slots=3))
    assert (slates.slate_propensity[:, None] <= slates.propensity * (1 + 1e-9)).all()


@every_policy
def test_the_law_sums_to_one(policy: Policy, requests_for: Make):
    """Twenty ordered pairs of five; 20,000 requests show every one that has a chance above 0.1 %."""
    requests = requests_for(20_000)
    found = law(policy.choose(requests), requests)
    assert sum(row[-1] for row in found.values()) == pytest.approx(1.0, abs=1e-3)
    for slot in range(2):
        chance = {slate[slot]: row[slot] for slate, row in found.items()}
        assert sum(chance.values()) == pytest.approx(1.0, abs=1e-3)
        # The marginal of the slate's law is the law of the slot.
        for item, value in chance.items():
            total = sum(row[-1] for slate, row in found.items() if slate[slot] == item)
            assert total == pytest.approx(value, abs=1e-3)


@every_policy
def test_the_order_of_candidates_does_not_matter(policy: Policy, requests_for: Make):
    one = requests_for(20_000, candidates=(3, 9, 4, 7, 1))
    other = requests_for(20_000, candidates=(7, 1, 3, 4, 9))
    first, second = law(policy.choose(one), one), law(policy.choose(other), other)
    common = first.keys() & second.keys()
    assert sum(first[slate][-1] for slate in common) > 0.999
    for slate in common:
        assert first[slate] == pytest.approx(second[slate], rel=1e-9)


@every_policy
def test_the_same_draws_make_the_same_choice(policy: Policy, requests_for: Make):
    requests = requests_for(400)
    one, two = policy.choose(requests), policy.choose(requests)
    for name in ("position", "propensity", "slate_propensity"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))
    other = policy.choose(requests_for(400, seed=1))
    assert (one.position != other.position).any()


@every_policy
def test_a_user_meets_the_same_chance_whoever_else_is_there(policy: Policy, requests_for: Make):
    requests = requests_for(400)
    few = np.array([399, 7, 130])
    alone = policy.choose(
        replace(
            requests,
            user=requests.user[few],
            candidates=requests.candidates[few],
            recent_topics=requests.recent_topics[few],
        )
    )
    everybody = policy.choose(requests)
    np.testing.assert_array_equal(alone.position, everybody.position[few])
    np.testing.assert_allclose(alone.propensity, everybody.propensity[few], rtol=1e-9)
    np.testing.assert_allclose(alone.slate_propensity, everybody.slate_propensity[few], rtol=1e-12)


@every_policy
def test_no_requests_make_no_slates(policy: Policy, requests_for: Make):
    requests = requests_for(0)
    check_slates(policy.choose(requests), requests, policy=policy.name)


@every_policy
def test_it_survives_a_pickle(policy: Policy, requests_for: Make):
    requests = requests_for(50)
    copy = pickle.loads(pickle.dumps(policy))
    assert copy.name == policy.name
    np.testing.assert_array_equal(copy.choose(requests).position, policy.choose(requests).position)


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.name)
@pytest.mark.parametrize("candidates", [(), (3,)])
def test_too_few_candidates_name_the_policy_and_the_day(
    policy: Policy, candidates: tuple[int, ...], requests_for: Make
):
    with pytest.raises(ValueError, match=rf"on day 4: {len(candidates)} candidates for 2 slots") as error:
        policy.choose(requests_for(3, candidates=candidates))
    assert policy.name in str(error.value)


@dataclass(frozen=True)
class Faulty:
    scores: Floats

    def score(self, requests: Requests) -> Floats:
        return self.scores


@pytest.mark.parametrize("policy", SCORED, ids=lambda policy: policy.name)
@pytest.mark.parametrize(
    ("scores", "message"),
    [
        (np.array([[1.0, np.nan, 2.0]]), "1 of 3 scores are NaN or infinite"),
        (np.array([[-np.inf, np.inf, 2.0]]), "2 of 3 scores are NaN or infinite"),
        (np.array([[1.0, 2.0]]), r"scores have shape \(1, 2\), and the candidates \(1, 3\)"),
    ],
)
def test_bad_scores_name_the_policy_the_scorer_and_the_day(
    policy: ScoredPolicy, scores: Floats, message: str, requests_for: Make
):
    faulty = replace(policy, scorers=(MEMBERS[0], Faulty(scores)))
    with pytest.raises(ValueError, match=rf"\(Faulty\) on day 4: {message}") as error:
        faulty.choose(requests_for(1, candidates=(3, 9, 4)))
    assert repr(policy.name) in str(error.value)
