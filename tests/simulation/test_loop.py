from __future__ import annotations

import time
from dataclasses import fields, replace
from itertools import pairwise

import numpy as np
import pytest

from holdfast.simulation import loop
from holdfast.simulation.loop import Run, days_of
from holdfast.simulation.policies.behavior import behavior_policy
from holdfast.simulation.policies.epsilon_greedy import EpsilonGreedySlates
from holdfast.simulation.policies.privileged import CandidateTruth
from holdfast.simulation.policies.scored import ScoredPolicy
from holdfast.simulation.policy import ItemScores, Policy, Requests, Slates
from holdfast.simulation.record import RequestRecord, VisitRecord, joined
from holdfast.simulation.visiting import DAY_SECONDS
from holdfast.simulation.world import DefaultWorld, Mechanisms

WORLD = DefaultWorld(num_users=400, num_items=200, num_days=12, burn_in_days=6, seed=2)


def run_days(parts: Mechanisms, policy: Policy) -> tuple[RequestRecord, VisitRecord]:
    days = list(days_of(parts, policy))
    return joined([day.requests for day in days]), joined([day.visits for day in days])


@pytest.fixture(scope="module")
def run():
    parts = WORLD.mechanisms()
    run = Run(parts)
    days = []
    while run.day < parts.num_days:
        recorded = run.day >= 0
        day = run.step(behavior_policy(epsilon=0.5))
        days += [day] if recorded else []
    return parts, joined([day.requests for day in days]), joined([day.visits for day in days]), run.state


def test_nobody_is_in_two_places(run):
    """A user's next request comes after what the last one was read for, and the day ends after that."""
    _, requests, _, _ = run
    order = np.lexsort((requests.seconds, requests.day, requests.user))
    user, day, seconds = (getattr(requests, name)[order] for name in ("user", "day", "seconds"))
    until = seconds + np.nansum(requests.dwell_seconds[order], axis=1)
    same = (user[1:] == user[:-1]) & (day[1:] == day[:-1])
    assert (seconds[1:] > until[:-1])[same].all()
    assert same.sum() > 100
    assert until.max() < DAY_SECONDS


def test_only_what_is_born_and_drawn_is_shown(run):
    parts, requests, _, _ = run
    assert (parts.observed_items.birth_day[requests.item] <= requests.day[:, None]).all()
    assert (parts.users.arrival_day[requests.user] <= requests.day).all()
    among = (requests.item[:, :, None] == requests.candidates[:, None, :]).any(axis=2)
    assert among.all()
    assert all(len(set(row)) == WORLD.slots for row in requests.item.tolist())


def test_dwell_belongs_to_clicks_and_ends_with_the_content(run):
    parts, requests, _, _ = run
    assert np.array_equal(~np.isnan(requests.dwell_seconds), requests.click)
    content = parts.observed_items.content_seconds[requests.item]
    assert (requests.dwell_seconds[requests.click] <= content[requests.click]).all()
    assert requests.dwell_seconds[requests.click].min() > 0


def test_requests_and_visits_tell_one_story(run):
    parts, requests, visits, state = run
    asked = set(zip(requests.user.tolist(), requests.day.tolist(), strict=True))
    came = list(zip(visits.user.tolist(), visits.day.tolist(), strict=True))
    assert asked == set(came)
    assert len(came) == len(asked), "one visit a user and day"
    arrived = visits.day == parts.users.arrival_day[visits.user]
    assert (visits.hazard[arrived] == 1.0).all()
    assert (visits.hazard[~arrived] < 1.0).all()
    last = np.full(WORLD.num_users, -100)
    np.maximum.at(last, visits.user, visits.day)
    assert np.array_equal(state.last_visit[last >= 0], last[last >= 0])
    assert np.abs(state.satisfaction).max() < 1.0


def test_memory_is_of_earlier_requests_only(run):
    """The sequence before a request ends with what the user clicked in the request before."""
    parts, requests, _, _ = run
    order = np.lexsort((requests.seconds, requests.day, requests.user))
    checked = 0
    for before, after in pairwise(order):
        if requests.user[before] != requests.user[after]:
            continue
        clicked = parts.observed_items.topic[requests.item[before][requests.click[before]]].tolist()
        known = [topic for topic in requests.recent_topics[before].tolist() if topic >= 0]
        expected = (known + clicked)[-requests.recent_topics.shape[1] :]
        assert [topic for topic in requests.recent_topics[after].tolist() if topic >= 0] == expected
        checked += len(clicked)
    assert checked > 50


def test_reactions_come_with_their_true_probability(run):
    _, requests, _, _ = run
    probability = requests.click_probability
    spread = np.sqrt((probability * (1 - probability)).sum())
    assert abs(requests.click.sum() - probability.sum()) < 4 * spread


def test_the_first_day_is_a_day_like_any_other(run):
    _, requests, visits, _ = run
    first = requests.day == 0
    assert (requests.recent_topics[first] >= 0).any(axis=1).mean() > 0.6
    assert requests.fatigue[first].mean() > 0.1
    assert visits.satisfaction_before[visits.day == 0].std() > 0.05


def test_common_random_numbers_are_common():
    """Where return is blind to what is shown, two policies see the same visits and the same candidates."""
    parts = WORLD.mechanisms()
    parts = replace(parts, returning=replace(parts.returning, satisfaction_effect=0.0))
    greedy, scores = EpsilonGreedySlates(epsilon=0.0), np.arange(200.0)
    up, down = (
        ScoredPolicy(exploration=greedy, scorers=(ItemScores(scores=each),)) for each in (scores, -scores)
    )
    one, came_one = run_days(parts, up)
    two, came_two = run_days(parts, down)
    for name in ("user", "day", "hazard"):
        assert np.array_equal(getattr(came_one, name), getattr(came_two, name))
    first_one, first_two = (
        np.unique(each.day * 1000 + each.user, return_index=True)[1] for each in (one, two)
    )
    assert np.array_equal(one.seconds[first_one], two.seconds[first_two])
    assert np.array_equal(one.candidates[first_one], two.candidates[first_two])
    assert not np.array_equal(one.item[first_one], two.item[first_two])


def test_the_same_world_runs_the_same():
    parts = WORLD.mechanisms()
    one, _ = run_days(parts, behavior_policy(epsilon=0.5))
    two, _ = run_days(WORLD.mechanisms(), behavior_policy(epsilon=0.5))
    for each in fields(one):
        assert np.array_equal(getattr(one, each.name), getattr(two, each.name), equal_nan=True), each.name


@pytest.mark.parametrize(("threads", "block"), [(1, 57), (2, 57), (3, 128)])
def test_threads_and_blocks_do_not_matter(monkeypatch: pytest.MonkeyPatch, threads: int, block: int):
    parts, policy = WORLD.mechanisms(), behavior_policy(epsilon=0.5)
    whole = list(days_of(parts, policy))
    monkeypatch.setattr(loop, "BLOCK_USERS", block)
    pieces = list(days_of(parts, policy, threads=threads))
    assert [day.first_request for day in pieces] == [day.first_request for day in whole]
    for one, two in zip(whole, pieces, strict=True):
        for part in ("requests", "visits"):
            first, second = getattr(one, part), getattr(two, part)
            orders = [np.lexsort((first.user, getattr(first, "seconds", first.user)))]
            orders.append(np.lexsort((second.user, getattr(second, "seconds", second.user))))
            for each in fields(first):
                values = [
                    getattr(record, each.name)[order]
                    for record, order in zip((first, second), orders, strict=True)
                ]
                assert np.array_equal(*values, equal_nan=values[0].dtype.kind == "f"), each.name


def test_a_policy_is_never_asked_twice_at_once(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(loop, "BLOCK_USERS", 20)
    busy, most = [], []

    class Slow:
        name = "slow@1"

        def choose(self, requests: Requests) -> Slates:
            busy.append(1)
            most.append(len(busy))
            time.sleep(0.0005)
            slates = behavior_policy(epsilon=0.5).choose(requests)
            busy.pop()
            return slates

    Run(WORLD.mechanisms(), threads=3).step(Slow())
    assert len(most) > 20
    assert max(most) == 1


def test_no_threads_are_refused():
    with pytest.raises(ValueError, match="threads is 0; it must be at least 1"):
        Run(WORLD.mechanisms(), threads=0)


class Careless:
    name = "careless@7"

    def choose(self, requests: Requests) -> Slates:
        good = behavior_policy(epsilon=0.5).choose(requests)
        if requests.day < 3:
            return good
        return replace(good, propensity=good.propensity * 0.0)


def test_a_policy_that_breaks_its_contract_is_named_with_the_day():
    with pytest.raises(ValueError, match=r"policy 'careless@7' on day 3: .* values of propensity"):
        run_days(WORLD.mechanisms(), Careless())


def test_a_world_that_nobody_visits_says_so():
    parts = DefaultWorld(num_users=3, num_items=100, num_days=2, return_level=-60.0, established_share=1.0)
    with pytest.raises(
        ValueError, match="nobody visited on any day of the log; raise num_users or return_level"
    ):
        parts.simulate()


def test_an_oracle_is_told_the_truth_and_others_are_not():
    parts = WORLD.mechanisms()
    told = []

    class Oracle(Careless):
        name = "oracle@1"

        def choose_knowing(self, requests: Requests, truth: CandidateTruth) -> Slates:
            told.append(truth.liking.shape == requests.candidates.shape)
            # best first: the likeliest click in the first slot
            position = np.argsort(-truth.liking, axis=1, kind="stable")[:, : requests.num_slots]
            ones = np.ones(position.shape)
            return Slates(position=position, propensity=ones, slate_propensity=ones[:, 0])

    day = Run(parts).step(Oracle())
    assert told
    assert all(told)
    plain = Run(parts).step(behavior_policy(epsilon=0.0))
    assert day.requests.click_probability.mean() > 1.2 * plain.requests.click_probability.mean()
    look = 1.0 / (1.0 + 0.35 * np.arange(WORLD.slots))
    liking = day.requests.click_probability / look
    assert (np.diff(liking, axis=1) <= 1e-6).all(), "what the oracle was told is what happened"


def test_requests_say_when_they_were_made():
    seen = []

    class Watching:
        name = "watching@1"

        def choose(self, requests: Requests) -> Slates:
            seen.append((requests.user, requests.seconds))
            return behavior_policy(epsilon=1.0).choose(requests)

    day = Run(WORLD.mechanisms()).step(Watching())
    user, seconds = (np.concatenate(each) for each in zip(*seen, strict=True))
    assert np.array_equal(user, day.requests.user)
    assert np.array_equal(seconds, day.requests.seconds)
