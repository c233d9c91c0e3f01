"""The days of a world: who comes, what a policy shows them, how they react, what it leaves behind.

U users, I items, V visitors of a day, Q requests, K slots, G topics.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from holdfast.core.arrays import Floats, Ints
from holdfast.simulation.candidates import candidate_weights, draw_candidates
from holdfast.simulation.draws import draws
from holdfast.simulation.items import LONGEST_SECONDS, Items, ObservedItems
from holdfast.simulation.policy import Policy, Requests, Slates, check_slates
from holdfast.simulation.reactions import Reactions, Slate
from holdfast.simulation.record import RequestRecord, VisitRecord, joined
from holdfast.simulation.returning import Returning
from holdfast.simulation.state import State, fresh_state
from holdfast.simulation.users import DEVICES, ObservedUsers, Users
from holdfast.simulation.visiting import (
    MOST_REQUESTS,
    first_request_seconds,
    latest_start,
    next_request_seconds,
    num_requests,
)
from holdfast.simulation.wellbeing import Wellbeing, experience


@dataclass(frozen=True, kw_only=True)
class Mechanisms:
    """Everything in a world that does not change while it runs.

    Attributes:
        users: the truth about them.
        observed_users: what a log or a policy may know.
        items: the truth about them.
        observed_items: what a log or a policy may know.
        reactions: click and dwell.
        wellbeing: what a day leaves behind.
        returning: who comes back.
        num_slots: K.
        num_candidates: C.
        half_life_days: of an item's chance to become a candidate.
        first_day: the first day that runs; days below 0 run but are not recorded.
        num_days: days of the log, from day 0.
        first_weekday: of day 0, 0 is Monday.
        seed: of every random number.
    """

    users: Users
    observed_users: ObservedUsers
    items: Items
    observed_items: ObservedItems
    reactions: Reactions
    wellbeing: Wellbeing
    returning: Returning
    num_slots: int
    num_candidates: int
    half_life_days: float
    first_day: int
    num_days: int
    first_weekday: int
    seed: int


def run_days(parts: Mechanisms, policy: Policy) -> tuple[RequestRecord, VisitRecord, State]:
    """Run a world under one policy, from before the log to its end.

    Returns:
        The requests and the visits of days 0 to ``num_days - 1``, and the state after the last day.

    Raises:
        ValueError: the policy chose what it may not, too few items are alive, or nobody came at all.
    """
    state = fresh_state(parts.users, num_items=len(parts.observed_items.topic))
    requests: list[RequestRecord] = []
    visits: list[VisitRecord] = []
    for day in range(parts.first_day, parts.num_days):
        visitors, hazard = _who_visits(parts, state, day)
        state.fatigue *= parts.wellbeing.fatigue_kept
        if len(visitors) == 0:
            continue
        rounds, visit = _run_day(parts, state, policy, day, visitors, hazard)
        if day >= 0:
            requests += rounds
            visits.append(visit)
    if not visits:
        raise ValueError("nobody visited on any day of the log; raise num_users or return_level")
    return joined(requests), joined(visits), state


def _who_visits(parts: Mechanisms, state: State, day: int) -> tuple[Ints, Floats]:
    """Users who visit today ``[V]``, and with which chance they did ``[V]``: 1 on the day of arrival."""
    arrival = parts.users.arrival_day
    hazard = parts.returning.hazard(
        frailty=parts.users.frailty,
        satisfaction=state.satisfaction,
        gap_days=np.maximum(day - state.last_visit, 1),
        weekday=(parts.first_weekday + day) % 7,
    )
    hazard = np.where(arrival == day, 1.0, np.where(arrival < day, hazard, 0.0))
    chance = draws(parts.seed, "return", day).uniform(np.arange(len(arrival)), 1)[:, 0]
    visitors = np.flatnonzero(chance < hazard)
    return visitors, hazard[visitors]


def _run_day(
    parts: Mechanisms, state: State, policy: Policy, day: int, visitors: Ints, hazard: Floats
) -> tuple[list[RequestRecord], VisitRecord]:
    """Serve the visitors round by round; round r holds the r-th request of those who make one."""
    num_visitors, num_topics = len(visitors), state.interest.shape[1]
    chance = draws(parts.seed, "visit", day).uniform(visitors, 2 + MOST_REQUESTS)
    latest = latest_start(parts.num_slots, longest_seconds=LONGEST_SECONDS)
    planned = num_requests(parts.users.activity[visitors], chance[:, :2])
    start = draws(parts.seed, "start", day).normal(visitors, 1)[:, 0]
    seconds = first_request_seconds(parts.users.peak_hour[visitors], start, latest=latest)
    felt = np.zeros(num_visitors)
    clicked_mix, num_clicks = np.zeros((num_visitors, num_topics)), np.zeros(num_visitors)
    rounds: list[RequestRecord] = []
    for turn in range(MOST_REQUESTS):
        rows = np.flatnonzero((planned > turn) & (seconds <= latest))
        if len(rows) == 0:
            break
        record = _serve(parts, state, policy, day, turn, visitors[rows], seconds[rows])
        rounds.append(record)
        content = parts.observed_items.content_seconds[record.item]
        felt[rows] += experience(record.click, record.dwell_seconds, content, record.fatigue)
        mix = parts.items.mix[record.item] * record.click[:, :, None]
        clicked_mix[rows] += mix.sum(axis=1)
        num_clicks[rows] += record.click.sum(axis=1)
        stayed = np.nansum(record.dwell_seconds, axis=1)
        seconds[rows] = next_request_seconds(seconds[rows], stayed, chance[rows, 2 + turn])
    before = state.satisfaction[visitors]
    after = parts.wellbeing.satisfaction(before, felt)
    _close_day(parts, state, day, visitors, after, clicked_mix, num_clicks)
    shown = np.concatenate([record.item.ravel() for record in rounds])
    state.count(shown, np.concatenate([record.click.ravel() for record in rounds]))
    visit = VisitRecord(
        user=visitors,
        day=np.full(num_visitors, day),
        hazard=hazard,
        satisfaction_before=before,
        satisfaction_after=after,
    )
    return rounds, visit


def _close_day(
    parts: Mechanisms,
    state: State,
    day: int,
    visitors: Ints,
    satisfaction: Floats,
    clicked_mix: Floats,
    num_clicks: Floats,
) -> None:
    state.satisfaction[visitors] = satisfaction
    state.last_visit[visitors] = day
    clicked = visitors[num_clicks > 0]
    mean_mix = clicked_mix[num_clicks > 0] / num_clicks[num_clicks > 0, None]
    at_first = parts.users.interest[clicked]
    state.interest[clicked] = parts.wellbeing.interests(state.interest[clicked], at_first, mean_mix)


def _serve(
    parts: Mechanisms, state: State, policy: Policy, day: int, turn: int, user: Ints, seconds: Floats
) -> RequestRecord:
    """One request of each of the users ``[Q]``, all different; updates their fatigue and memory."""
    requests, slates = _choose(parts, state, policy, day, turn, user)
    item = np.take_along_axis(requests.candidates, slates.position, axis=1)
    slate = _slate(parts, state, day, user, item, seconds)
    probability = parts.reactions.click_probability(slate)
    log_mean = parts.reactions.dwell_log_mean(slate)
    click = draws(parts.seed, "click", day, turn).uniform(user, parts.num_slots) < probability
    noise = draws(parts.seed, "dwell", day, turn).normal(user, parts.num_slots)
    dwell = parts.reactions.dwell_seconds(log_mean, slate.content_seconds, noise)
    topic = parts.observed_items.topic[item]
    parts.wellbeing.tire(state.fatigue, user, topic)
    state.remember(user, topic, click)
    return RequestRecord(
        user=user,
        day=np.full(len(user), day),
        seconds=seconds.copy(),
        candidates=requests.candidates,
        item=item,
        propensity=slates.propensity,
        slate_propensity=slates.slate_propensity,
        recent_topics=requests.recent_topics,
        click=click,
        dwell_seconds=np.where(click, dwell, np.nan),
        click_probability=probability,
        dwell_log_mean=log_mean,
        interest=slate.interest,
        fatigue=slate.fatigue,
    )


def _choose(
    parts: Mechanisms, state: State, policy: Policy, day: int, turn: int, user: Ints
) -> tuple[Requests, Slates]:
    """Draw candidates, show the policy what it may see, and check what it chose."""
    weights = candidate_weights(parts.observed_items.birth_day, day=day, half_life_days=parts.half_life_days)
    requests = Requests(
        day=day,
        num_slots=parts.num_slots,
        user=user,
        candidates=draw_candidates(
            user,
            weights,
            num_candidates=parts.num_candidates,
            chance=draws(parts.seed, "candidates", day, turn),
            day=day,
        ),
        recent_topics=state.recent_topics[user],
        users=parts.observed_users,
        items=parts.observed_items,
        shows=state.shows,
        clicks=state.clicks,
        draws=draws(parts.seed, "policy", day, turn),
    )
    slates = policy.choose(requests)
    check_slates(slates, requests, policy=policy.name)
    return requests, slates


def _slate(parts: Mechanisms, state: State, day: int, user: Ints, item: Ints, seconds: Floats) -> Slate:
    topic = parts.observed_items.topic[item]
    return Slate(
        interest=np.einsum("qg,qkg->qk", state.interest[user], parts.items.mix[item]),
        quality=parts.items.quality[item],
        clickbait=parts.items.clickbait[item],
        length=parts.items.length[item],
        content_seconds=parts.observed_items.content_seconds[item],
        age_days=(day - parts.observed_items.birth_day)[item].astype(np.float64),
        fatigue=state.fatigue[user[:, None], topic],
        on_phone=(parts.observed_users.device[user] == DEVICES.index("phone"))[:, None],
        hour=(seconds / 3600.0)[:, None],
    )
