from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import permutations

import numpy as np
import pytest

from holdfast.core.arrays import Floats
from holdfast.simulation.draws import draws
from holdfast.simulation.mechanisms import today
from holdfast.simulation.policies.epsilon_greedy import EpsilonGreedySlates
from holdfast.simulation.policies.oracles import (
    LongTermOracle,
    MyopicOracle,
    OraclePolicy,
    expected_dwell,
    good_chance,
    let_down_chance,
)
from holdfast.simulation.policies.plackett_luce import PlackettLuce
from holdfast.simulation.policies.privileged import CandidateTruth, PrivilegedPolicy, candidate_truth
from holdfast.simulation.policies.scored import ScoredPolicy
from holdfast.simulation.policy import Policy, PopularityAndTopics, Requests, Slates, check_slates
from holdfast.simulation.reactions import Reactions
from holdfast.simulation.state import State, fresh_state
from holdfast.simulation.wellbeing import experience
from holdfast.simulation.world import DefaultWorld

Make = Callable[..., Requests]
GREEDY = EpsilonGreedySlates(epsilon=0.0)


def truth_of(liking: list[float], **fields: Floats | float) -> CandidateTruth:
    """One request with candidates that only differ as told."""
    ones = np.ones((1, len(liking)))
    values = {
        "liking": np.array([liking]),
        "look": np.array([1.0, 0.6]),
        "dwell_log_mean": 3.4 * ones,
        "dwell_spread": 1.0,
        "content_seconds": 75.0 * ones,
        "fatigue": 0.0 * ones,
        "next_day_return": np.array([0.6]),
        "satisfaction_effect": 2.0,
    }
    return CandidateTruth(**{**values, **fields})


def test_the_law_of_dwell_agrees_with_the_world():
    """A million clicks on each of three items; expectations within 0.3 %, chances within 0.002."""
    log_mean, length = np.array([[2.0, 3.4, 4.5]]), np.array([[15.0, 75.0, 600.0]])
    truth = truth_of([0.1, 0.1, 0.1], dwell_log_mean=log_mean, content_seconds=length)
    law = Reactions(base=0.0, clickbait_appeal=0.0, clickbait_cost=0.0, examination_decay=0.0)
    noise = np.random.default_rng(0).standard_normal((1_000_000, 3))
    dwell = law.dwell_seconds(log_mean, length, noise)
    np.testing.assert_allclose(dwell.mean(axis=0), expected_dwell(truth)[0], rtol=3e-3)
    for item in range(3):
        seconds, click = dwell[:, [item]], np.ones((1_000_000, 1), dtype=bool)
        felt = experience(click, seconds, np.full_like(seconds, length[0, item]), np.zeros_like(seconds))
        assert (felt == 1.0).mean() == pytest.approx(good_chance(truth)[0, item], abs=2e-3)
        assert (felt == -1.0).mean() == pytest.approx(let_down_chance(truth)[0, item], abs=2e-3)


def test_the_myopic_slate_has_the_most_clicks_of_all_slates(requests_for: Make):
    liking = [0.05, 0.2, 0.11, 0.3]
    requests = requests_for(1, candidates=(3, 9, 4, 7))
    policy = OraclePolicy(scorer=MyopicOracle(), exploration=GREEDY, ranker="myopic_oracle")
    truth = truth_of(liking)
    position = policy.choose_knowing(requests, truth).position[0]
    best = max(permutations(range(4), 2), key=lambda slate: truth.look @ truth.liking[0, list(slate)])
    assert tuple(position) == best == (3, 1)


def test_seconds_can_count(requests_for: Make):
    truth = truth_of([0.3, 0.2], dwell_log_mean=np.array([[2.0, 4.0]]))
    requests = requests_for(1, candidates=(3, 9))
    assert MyopicOracle().score_knowing(requests, truth).argmax() == 0
    paid = MyopicOracle(click_value=0.0, second_value=1.0).score_knowing(requests, truth)
    np.testing.assert_allclose(paid, truth.liking * expected_dwell(truth))
    assert paid.argmax() == 1


def test_the_long_term_oracle_shuns_clickbait(requests_for: Make):
    """The first is clicked more and disappoints; the second is clicked less and holds."""
    truth = truth_of([0.3, 0.2], dwell_log_mean=np.array([[1.5, 4.0]]))
    requests = requests_for(1, candidates=(3, 9))
    assert LongTermOracle(visit_value=0.0).score_knowing(requests, truth).argmax() == 0
    assert LongTermOracle(visit_value=20.0).score_knowing(requests, truth).argmax() == 1
    # Nothing to win: who comes anyway, and who cannot be moved.
    for unmoved in (
        replace(truth, next_day_return=np.array([1.0 - 1e-9])),
        replace(truth, satisfaction_effect=0.0),
    ):
        assert LongTermOracle(visit_value=20.0).score_knowing(requests, unmoved).argmax() == 0


def test_the_long_term_score_by_hand(requests_for: Make):
    truth = truth_of([0.3, 0.2], fatigue=np.array([[0.0, 2.0]]))
    oracle = LongTermOracle(click_value=1.0, second_value=0.1, visit_value=10.0)
    good, bad = good_chance(truth)[0, 0], let_down_chance(truth)[0, 0]
    clicked = 0.8 * np.array([0.3, 0.2])
    now = clicked * (1.0 + 0.1 * expected_dwell(truth)[0])
    felt = clicked * (good - bad) - 0.15 * np.array([0.0, 2.0]) / 2
    found = oracle.score_knowing(requests_for(1, candidates=(3, 9)), truth)[0]
    np.testing.assert_allclose(found, now + 10.0 * (2.0 * 0.6 * 0.4 / 2) * felt)


def test_visits_gained_agree_with_the_law_of_satisfaction(requests_for: Make):
    """A nudge of the experience, followed through 400 visits by the equations of docs/world.md."""
    memory, effect, stay, nudge = 0.2, 2.0, 0.6, 1e-4
    level = np.log(stay / (1 - stay))
    satisfaction, gained = memory * np.tanh(nudge / 2), 0.0
    for _ in range(400):
        gained += 1 / (1 + np.exp(-(level + effect * satisfaction))) - stay
        satisfaction *= 1 - memory
    bored = truth_of([0.0], fatigue=np.array([[-nudge * 2 / 0.15]]))  # Fatigue is all that is felt.
    requests = requests_for(1, candidates=(3,), num_slots=1)
    score = LongTermOracle(click_value=0.0, visit_value=1.0).score_knowing(requests, bored)[0, 0]
    assert score == pytest.approx(gained, rel=1e-3)


def world_in_motion() -> tuple[DefaultWorld, State, Requests]:
    holiday = {"holiday": {"start_day": 3, "ramp_days": 1, "strength": 0.7}}
    world = DefaultWorld(num_users=80, num_items=150, num_days=3, burn_in_days=2, changes=holiday)
    parts = world.mechanisms()
    state = fresh_state(parts.users, num_items=world.num_items)
    draw = np.random.default_rng(0)
    state.fatigue += draw.exponential(1.0, state.fatigue.shape)
    state.satisfaction += draw.uniform(-0.5, 0.5, len(state.satisfaction))
    alive = np.flatnonzero(parts.observed_items.birth_day <= 2)
    requests = Requests(
        day=2,
        num_slots=6,
        user=np.arange(80),
        candidates=np.stack([draw.permutation(alive)[:20] for _ in range(80)]),
        recent_topics=state.recent_topics,
        users=parts.observed_users,
        items=parts.observed_items,
        shows=state.shows,
        clicks=state.clicks,
        draws=draws(0, "policy", 2, 0),
    )
    return world, state, requests


def test_the_truth_is_that_of_the_equations():
    """Click and dwell of docs/world.md, written out once more."""
    world, state, requests = world_in_motion()
    parts = world.mechanisms()
    seconds = np.linspace(0.0, 80_000.0, 80)
    truth = candidate_truth(parts, state, today(parts, 2), requests, seconds)
    item, user = requests.candidates, requests.user[:, None]
    items = parts.items
    interest = (state.interest[user] * items.mix[item]).sum(axis=2)
    topic, birth = parts.observed_items.topic[item], parts.observed_items.birth_day[item]
    appeal = (
        world.click_level
        + interest
        + world.clickbait_appeal * items.clickbait[item]
        + 0.4 * np.exp(-(2 - birth) / 3.0)
        - 0.35 * state.fatigue[user, topic]
        - 0.25 * items.length[item] * (parts.observed_users.device[user] == 0)
        + 0.2 * np.cos(2 * np.pi * (seconds[:, None] / 3600.0 - 20.0) / 24.0)
    )
    np.testing.assert_allclose(truth.liking, 1 / (1 + np.exp(-appeal)), rtol=1e-9)
    np.testing.assert_allclose(truth.look, 1 / (1 + world.examination_decay * np.arange(6)))
    mean = np.log(30) + 0.45 * items.quality[item] + 0.35 * interest
    mean += -world.clickbait_cost * items.clickbait[item] + 0.25 * items.length[item]
    np.testing.assert_allclose(truth.dwell_log_mean, mean)
    np.testing.assert_allclose(truth.fatigue, state.fatigue[user, topic])
    # Day 2 is a Wednesday, tomorrow a Thursday and a holiday; a day after the visit: no growing gap.
    level = world.return_level + 0.7 + world.season_effect * np.cos(2 * np.pi * (3 - 5) / 7)
    level = level + parts.users.frailty[:80] + world.satisfaction_effect * state.satisfaction[:80]
    np.testing.assert_allclose(truth.next_day_return, 1 / (1 + np.exp(-level)))


def test_an_oracle_explores_like_any_other():
    world, state, requests = world_in_motion()
    parts = world.mechanisms()
    truth = candidate_truth(parts, state, today(parts, 2), requests, np.full(80, 7e4))
    policy = OraclePolicy(scorer=LongTermOracle(), exploration=PlackettLuce(), ranker="long_term_oracle")
    slates = policy.choose_knowing(requests, truth)
    check_slates(slates, requests, policy=policy.name)
    assert policy.name == "long_term_oracle/plackett_luce(1)@1"
    assert (slates.propensity < 1.0).all()


def test_a_world_tells_its_oracles_the_truth():
    """Ten days: the myopic one is clicked most, the one of the long term leaves people happier."""
    world = DefaultWorld(num_users=600, num_items=600, num_days=10, burn_in_days=8)
    runs = {
        name: world.simulate(OraclePolicy(scorer=scorer, exploration=GREEDY, ranker=name))
        for name, scorer in (("myopic", MyopicOracle()), ("long", LongTermOracle(visit_value=30.0)))
    }
    runs["popular"] = world.simulate(ScoredPolicy(exploration=GREEDY, scorers=(PopularityAndTopics(),)))
    rate = {name: run.log.frame["click"].mean() for name, run in runs.items()}
    felt = {name: run.truth.visits["satisfaction_after"].mean() for name, run in runs.items()}
    assert rate["myopic"] > 1.1 * max(rate["long"], rate["popular"])
    assert felt["long"] > felt["myopic"] + 0.1 > felt["popular"] + 0.1
    assert set(runs["long"].log.frame["policy"]) == {"long/epsilon_greedy(0)@1"}


@dataclass(frozen=True)
class Spy(OraclePolicy):
    told: list[tuple[Floats, Floats]] = field(default_factory=list)

    def choose_knowing(self, requests: Requests, truth: CandidateTruth) -> Slates:
        slates = super().choose_knowing(requests, truth)
        chance = truth.look * np.take_along_axis(truth.liking, slates.position, axis=1)
        mean = np.take_along_axis(truth.dwell_log_mean, slates.position, axis=1)
        if requests.day >= 0:
            self.told.append((chance, mean))
        return slates


def test_the_chances_told_are_those_of_what_follows():
    """What an oracle was told of the items that it showed is what the truth holds, to single precision."""
    spy = Spy(scorer=MyopicOracle(), exploration=PlackettLuce(temperature=0.1), ranker="spy")
    world = DefaultWorld(
        num_users=80,
        num_items=150,
        num_days=3,
        burn_in_days=2,
        changes={
            "clickbait_fatigue": {"start_day": 0, "ramp_days": 1, "strength": 0.5},
            "rotating_interests": {"start_day": 0, "ramp_days": 1, "strength": 0.5},
        },
    )
    happened = world.simulate(spy).truth.impressions
    for place, name in enumerate(("click_probability", "dwell_log_mean")):
        told = np.concatenate([each[place].ravel() for each in spy.told])
        np.testing.assert_allclose(np.sort(told), np.sort(happened[name].to_numpy()), rtol=1e-6, atol=1e-6)


def test_only_oracles_are_privileged(requests_for: Make):
    oracle: Policy = OraclePolicy(scorer=MyopicOracle(), exploration=GREEDY, ranker="myopic_oracle")
    assert isinstance(oracle, PrivilegedPolicy)
    assert not isinstance(ScoredPolicy(exploration=GREEDY, scorers=(MyopicOracle(),)), PrivilegedPolicy)
    with pytest.raises(ValueError, match=r"policy 'myopic_oracle/epsilon_greedy\(0\)@1' on day 4: an oracle"):
        oracle.choose(requests_for(1))


def test_requests_hold_nothing_of_the_truth():
    """What a policy sees has no field of the truth: the door is elsewhere."""
    hidden = {"interest", "quality", "clickbait", "fatigue", "satisfaction", "frailty", "liking", "hazard"}
    _, _, requests = world_in_motion()
    seen = set(vars(requests)) | set(vars(requests.users)) | set(vars(requests.items))
    assert not seen & hidden


def test_a_truth_that_is_not_a_number_is_refused(requests_for: Make):
    policy = OraclePolicy(scorer=MyopicOracle(), exploration=GREEDY, ranker="myopic_oracle")
    with pytest.raises(ValueError, match=r"@1' \(MyopicOracle\) on day 4: 1 of 2 scores are NaN"):
        policy.choose_knowing(requests_for(1, candidates=(3, 9)), truth_of([0.3, float("nan")]))


@pytest.mark.parametrize("kind", [MyopicOracle, LongTermOracle])
def test_values_are_finite(kind: type[MyopicOracle]):
    with pytest.raises(ValueError, match="second_value is nan"):
        kind(second_value=float("nan"))
