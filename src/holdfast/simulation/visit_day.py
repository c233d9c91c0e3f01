"""A day of some users: who comes, what they are shown, how they react, what it leaves behind.

V visitors, Q requests, K slots, G topics.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from holdfast.core.arrays import Floats, Ints
from holdfast.simulation.candidates import draw_candidates
from holdfast.simulation.draws import draws
from holdfast.simulation.items import LONGEST_SECONDS
from holdfast.simulation.mechanisms import Mechanisms, Today
from holdfast.simulation.policy import Requests, Slates
from holdfast.simulation.reactions import Slate
from holdfast.simulation.record import RequestRecord, VisitRecord
from holdfast.simulation.state import State
from holdfast.simulation.users import DEVICES
from holdfast.simulation.visiting import (
    MOST_REQUESTS,
    first_request_seconds,
    latest_start,
    next_request_seconds,
    num_requests,
)
from holdfast.simulation.wellbeing import experience

Choose = Callable[[Requests, Floats], Slates]
"""What to show for requests made at these seconds after local midnight."""


def who_visits(parts: Mechanisms, state: State, now: Today, user: Ints) -> tuple[Ints, Floats]:
    """Who of the users ``[U]`` visits ``[V]``, and with which chance they did ``[V]``: 1 on arrival."""
    arrival = parts.users.arrival_day[user]
    hazard = parts.returning.hazard(
        frailty=parts.users.frailty[user],
        satisfaction=state.satisfaction[user],
        gap_days=np.maximum(now.day - state.last_visit[user], 1),
        weekday=now.weekday,
        today=now.return_log_odds,
    )
    hazard = np.where(arrival == now.day, 1.0, np.where(arrival < now.day, hazard, 0.0))
    comes = draws(parts.chance, "return", now.day).uniform(user, 1)[:, 0] < hazard
    comes &= ~state.gone[user]
    return user[comes], hazard[comes]


def serve_visitors(
    parts: Mechanisms, state: State, now: Today, choose: Choose, visitors: Ints, hazard: Floats
) -> tuple[list[RequestRecord], VisitRecord]:
    """Serve visitors round by round; round r holds the r-th request of those who make one.

    Reads and writes the state of these visitors only, so others may be served at the same time.
    """
    chance = draws(parts.chance, "visit", now.day).uniform(visitors, 2 + MOST_REQUESTS)
    latest = latest_start(parts.num_slots, longest_seconds=LONGEST_SECONDS, day_seconds=now.day_seconds)
    planned = num_requests(parts.users.activity[visitors], chance[:, :2])
    start = draws(parts.chance, "start", now.day).normal(visitors, 1)[:, 0]
    seconds = first_request_seconds(parts.users.peak_hour[visitors], start, latest=latest)
    felt, num_clicks = np.zeros(len(visitors)), np.zeros(len(visitors))
    clicked_mix = np.zeros((len(visitors), now.mix.shape[1]))
    rounds: list[RequestRecord] = []
    for turn in range(MOST_REQUESTS):
        rows = np.flatnonzero((planned > turn) & (seconds <= latest))
        if len(rows) == 0:
            break
        record = _serve(parts, state, now, choose, turn, visitors[rows], seconds[rows])
        rounds.append(record)
        content = parts.observed_items.content_seconds[record.item]
        felt[rows] += experience(record.click, record.dwell_seconds, content, record.fatigue)
        for slot in range(parts.num_slots):
            clicked = record.click[:, slot]
            clicked_mix[rows[clicked]] += now.mix[record.item[clicked, slot]]
        num_clicks[rows] += record.click.sum(axis=1)
        stayed = np.where(record.click, record.dwell_seconds, 0.0).sum(axis=1)
        seconds[rows] = next_request_seconds(seconds[rows], stayed, chance[rows, 2 + turn])
    before = state.satisfaction[visitors]
    after = parts.wellbeing.satisfaction(before, felt)
    state.satisfaction[visitors] = after
    state.last_visit[visitors] = now.day
    _let_go(parts, state, now, visitors)
    some = num_clicks > 0
    _move_interests(parts, state, visitors[some], clicked_mix[some] / num_clicks[some, None])
    visit = VisitRecord(
        user=visitors,
        day=np.full(len(visitors), now.day, dtype=np.int32),
        hazard=hazard,
        satisfaction_before=before,
        satisfaction_after=after,
    )
    return rounds, visit


def _let_go(parts: Mechanisms, state: State, now: Today, visitors: Ints) -> None:
    churn = parts.changes.churn
    if churn.level(now.day) > 0.0:
        chance = draws(parts.chance, "churn", now.day).uniform(visitors, 1)[:, 0]
        state.gone[visitors] = churn.leave(state.satisfaction[visitors], chance, now.day)


def _move_interests(parts: Mechanisms, state: State, user: Ints, clicked_mix: Floats) -> None:
    at_first = parts.users.interest[user]
    state.interest[user] = parts.wellbeing.interests(state.interest[user], at_first, clicked_mix)


def _serve(
    parts: Mechanisms, state: State, now: Today, choose: Choose, turn: int, user: Ints, seconds: Floats
) -> RequestRecord:
    """One request of each of the users ``[Q]``, all different; updates their fatigue and memory."""
    requests = _requests(parts, state, now, turn, user, seconds)
    slates = choose(requests, seconds)
    item = np.take_along_axis(requests.candidates, slates.position, axis=1)
    slate = _slate(parts, state, now, user, item, seconds)
    probability = now.reactions.click_probability(slate)
    log_mean = now.reactions.dwell_log_mean(slate)
    click = draws(parts.chance, "click", now.day, turn).uniform(user, parts.num_slots) < probability
    noise = draws(parts.chance, "dwell", now.day, turn).normal(user, parts.num_slots)
    dwell = now.reactions.dwell_seconds(log_mean, slate.content_seconds, noise)
    topic = parts.observed_items.topic[item]
    parts.wellbeing.tire(state.fatigue, user, topic)
    state.remember(user, topic, click)
    return RequestRecord(
        user=user,
        day=np.full(len(user), now.day, dtype=np.int32),
        seconds=seconds,
        candidates=requests.candidates,
        item=item,
        propensity=slates.propensity,
        slate_propensity=slates.slate_propensity,
        recent_topics=requests.recent_topics,
        click=click,
        dwell_seconds=np.where(click, dwell, np.nan),
        click_probability=probability.astype(np.float32),
        dwell_log_mean=log_mean.astype(np.float32),
        interest=slate.interest.astype(np.float32),
        fatigue=slate.fatigue.astype(np.float32),
    )


def _requests(
    parts: Mechanisms, state: State, now: Today, turn: int, user: Ints, seconds: Floats
) -> Requests:
    """What a policy may see of the requests of users ``[Q]``."""
    candidates = draw_candidates(
        user,
        now.lottery,
        num_candidates=parts.num_candidates,
        chance=draws(parts.chance, "candidates", now.day, turn),
    )
    return Requests(
        day=now.day,
        num_slots=parts.num_slots,
        user=user,
        candidates=candidates,
        recent_topics=state.recent_topics[user],
        users=parts.observed_users,
        items=now.observed_items,
        shows=state.shows,
        clicks=state.clicks,
        draws=draws(parts.chance, "policy", now.day, turn),
        seconds=seconds,
    )


def _slate(parts: Mechanisms, state: State, now: Today, user: Ints, item: Ints, seconds: Floats) -> Slate:
    return Slate(
        interest=np.einsum("qg,qkg->qk", state.interest[user], now.mix[item]),
        quality=parts.items.quality[item],
        clickbait=parts.items.clickbait[item],
        length=parts.items.length[item],
        content_seconds=parts.observed_items.content_seconds[item],
        age_days=now.age_days[item],
        fatigue=state.fatigue[user[:, None], parts.observed_items.topic[item]],
        on_phone=(parts.observed_users.device[user] == DEVICES.index("phone"))[:, None],
        hour=(seconds / 3600.0)[:, None],
    )
