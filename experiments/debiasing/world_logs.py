"""Two logs of one world, one in which the policy showed what it liked and one in which chance chose; and
the truth about every candidate of later requests.

Q requests, C candidates, K slots, N rows.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from holdfast.core.arrays import Bools, Floats, Ints
from holdfast.core.random import generator
from holdfast.data.history import TrailingHistory
from holdfast.data.log import Log
from holdfast.data.splits import TemporalSplit
from holdfast.simulation.loop import days_of
from holdfast.simulation.mechanisms import Mechanisms
from holdfast.simulation.policies.oracles import expected_dwell
from holdfast.simulation.policies.plackett_luce import PlackettLuce
from holdfast.simulation.policies.privileged import CandidateTruth
from holdfast.simulation.policies.random_slates import UniformSlates
from holdfast.simulation.policies.rows import request_rows
from holdfast.simulation.policies.scored import ScoredPolicy
from holdfast.simulation.policy import Policy, PopularityAndTopics, Requests, Slates
from holdfast.simulation.publishing import Publication
from holdfast.simulation.record import Day
from holdfast.simulation.world import DefaultWorld

LOGS = ("confounded", "randomised")


def policy_of(name: str, *, temperature: float) -> Policy:
    """Who logs: by what is clicked a lot, softly enough that everything has a chance; or by chance."""
    if name == "randomised":
        return ScoredPolicy(exploration=UniformSlates(), ranker="uniform")
    exploration = PlackettLuce(temperature=temperature)
    return ScoredPolicy(exploration=exploration, scorers=(PopularityAndTopics(),), ranker="popularity")


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Requests of one moment, and the truth about their candidates.

    Attributes:
        requests: as the policy saw them.
        truth: as it never does.
        liked: the K candidates that popularity and topics put first, ``[Q, C]``.
    """

    requests: Requests
    truth: CandidateTruth
    liked: Bools


@dataclass(frozen=True, kw_only=True)
class Watching:
    """Serves as another policy does, and writes down the truth about all candidates."""

    served_by: Policy
    asked: list[Asked] = field(default_factory=list)

    @property
    def name(self) -> str:
        """That of the policy: the log does not change."""
        return self.served_by.name

    def choose(self, requests: Requests) -> Slates:
        """Refused: there is no truth to write down.

        Raises:
            ValueError: always.
        """
        raise ValueError(f"{self.name!r} is watched on day {requests.day}, which needs the truth")

    def choose_knowing(self, requests: Requests, truth: CandidateTruth) -> Slates:
        """The policy's own slates."""
        # Now, because the counts that popularity looks at go on.
        order = np.argsort(-PopularityAndTopics().score(requests), axis=1, kind="stable")
        liked = np.zeros(order.shape, dtype=bool)
        np.put_along_axis(liked, order[:, : requests.num_slots], True, axis=1)
        self.asked.append(Asked(requests=requests, truth=truth, liked=liked))
        return self.served_by.choose(requests)


@dataclass(frozen=True, kw_only=True)
class Logged:
    """A log, and what only a judge may know of its last days.

    Attributes:
        log: of all days.
        publication: how the world wrote it.
        days: as they were, by number.
        asked: the requests of the watched days.
    """

    log: Log
    publication: Publication
    days: dict[int, Day]
    asked: list[Asked]


def logged(world: DefaultWorld, policy: Policy, *, watched_days: Collection[int]) -> Logged:
    """Run a world under one policy from its first day, burn-in included."""
    parts = world.mechanisms()
    publication = world.publication(parts, policy)
    watching = Watching(served_by=policy)

    def on(day: int) -> Policy:
        return watching if day in watched_days else policy

    days = [publication.in_order(day) for day in days_of(parts, on)]
    log = publication.log(days, until_day=world.num_days)
    return Logged(log=log, publication=publication, days={day.day: day for day in days}, asked=watching.asked)


def same_size(logs: dict[str, Log], split: TemporalSplit, *, seed: int) -> dict[str, Log]:
    """The logs with as many requests in the train window, and in the validation window, as the smallest has.

    Whole requests are left out by chance. That their users visited stays known.
    """
    bounds = {name: split.windows(log) for name, log in logs.items()}
    left_out: dict[str, Ints] = {}
    for window in ("train", "validation"):
        requests = {
            name: log.between(bounds[name][window].start, bounds[name][window].end)
            .frame["request_id"]
            .unique()
            for name, log in logs.items()
        }
        number = min(len(each) for each in requests.values())
        for name, each in requests.items():
            dropped = generator(seed, "size", name, window).permutation(each)[number:]
            left_out[name] = np.concatenate([left_out.get(name, dropped[:0]), dropped])
    return {name: _without(log, left_out[name]) for name, log in logs.items()}


def _without(log: Log, requests: Ints) -> Log:
    gone = log.frame["request_id"].isin(requests).to_numpy()
    visits = log.frame.loc[gone, ["user_id", "shown_at"]].rename(columns={"shown_at": "visited_at"})
    return replace(
        log,
        frame=log.frame[~gone].reset_index(drop=True),
        visits=visits.drop_duplicates().reset_index(drop=True),
    )


@dataclass(frozen=True, kw_only=True)
class Candidates:
    """Everything that Q requests could have shown, as a model sees it and as it is.

    Attributes:
        rows: as the log would hold them, history included, request by request, ``[Q * C]``.
        click: chance of a click in a slot that chance chose, ``[Q, C]``: the liking times the mean look.
        dwell_seconds: expected after a click, cut at the content's length, ``[Q, C]``.
        retention: chance of a visit the next day, given what the day has been like, ``[Q]``: a fact of the
            user's day, the same for all its candidates.
        liked_by_policy: among the K that the confounded log's policy puts first, ``[Q, C]``.
    """

    rows: pd.DataFrame
    click: Floats
    dwell_seconds: Floats
    retention: Floats
    liked_by_policy: Bools


def candidates_of(
    source: Logged, log: Log, history: TrailingHistory, *, num_requests: int, seed: int
) -> Candidates:
    """All candidates of some of the watched requests, drawn by chance.

    Trailing rates are as of the midnight before, recency and frequency are those of any moment of the day.

    Args:
        source: what was watched.
        log: what the trailing history looks at.
        history: columns that the model wants.
        num_requests: at most so many.
        seed: of the draw.

    Raises:
        ValueError: nobody came on the watched days.
    """
    sizes = np.array([len(each.requests.user) for each in source.asked], dtype=np.int64)
    if sizes.sum() == 0:
        raise ValueError("there is no request on the watched days; raise num_users")
    drawn = np.sort(generator(seed, "requests").permutation(sizes.sum())[:num_requests])
    moment = np.repeat(np.arange(len(sizes)), sizes)[drawn]
    row = drawn - (np.cumsum(sizes) - sizes)[moment]
    parts = [
        _of_moment(source, _taken(each, row[moment == place]), log, history)
        for place, each in enumerate(source.asked)
        if (moment == place).any()
    ]
    return Candidates(
        rows=pd.concat([each.rows for each in parts], ignore_index=True),
        **{
            name: np.concatenate([getattr(each, name) for each in parts])
            for name in ("click", "dwell_seconds", "retention", "liked_by_policy")
        },
    )


def _taken(asked: Asked, rows: Ints) -> Asked:
    """Some of the requests of a moment."""
    requests, truth = asked.requests, asked.truth
    assert requests.seconds is not None
    return Asked(
        requests=replace(
            requests,
            user=requests.user[rows],
            candidates=requests.candidates[rows],
            recent_topics=requests.recent_topics[rows],
            seconds=requests.seconds[rows],
        ),
        truth=replace(
            truth,
            liking=truth.liking[rows],
            dwell_log_mean=truth.dwell_log_mean[rows],
            content_seconds=truth.content_seconds[rows],
            fatigue=truth.fatigue[rows],
            next_day_return=truth.next_day_return[rows],
        ),
        liked=asked.liked[rows],
    )


def _of_moment(source: Logged, asked: Asked, log: Log, history: TrailingHistory) -> Candidates:
    requests, truth = asked.requests, asked.truth
    assert requests.seconds is not None
    shown = source.publication.moments(requests.day, requests.seconds)
    rows = request_rows(requests, shown=shown, publication=source.publication)
    back = next_day_return(source.publication.parts, source.days[requests.day])
    return Candidates(
        rows=with_history(rows, log, midnight=source.publication.until(requests.day), history=history),
        click=truth.look.mean() * truth.liking,
        dwell_seconds=expected_dwell(truth),
        retention=back[requests.user],
        liked_by_policy=asked.liked,
    )


def next_day_return(parts: Mechanisms, day: Day) -> Floats:
    """Chance to visit the next day, given what this day was like, ``[U]``; NaN for who did not come."""
    visits = day.visits
    chances = np.full(len(parts.users.frailty), np.nan)
    chances[visits.user] = parts.returning.hazard(
        frailty=parts.users.frailty[visits.user],
        satisfaction=visits.satisfaction_after,
        gap_days=np.ones(len(visits.user), dtype=np.int64),
        weekday=(parts.first_weekday + day.day + 1) % 7,
        today=parts.changes.return_log_odds(day.day + 1),
    )
    return chances


def with_history(
    rows: pd.DataFrame, log: Log, *, midnight: pd.Timestamp, history: TrailingHistory
) -> pd.DataFrame:
    """Rows of one day with their history as of the midnight before, ``[N]``."""
    past = log.as_of(midnight)
    names = ["request_id", "user_id", "item_id", "shown_at", "click", "dwell_seconds", "dwell_cut"]
    # All at the same moment: none of them is an event in another's past.
    asked = pd.DataFrame(
        {
            "request_id": -1 - rows["request_id"],
            "user_id": rows["user_id"],
            "item_id": rows["item_id"],
            "shown_at": pd.Series(midnight, index=rows.index, dtype=past.frame["shown_at"].dtype),
            "click": pd.array([None] * len(rows), dtype="boolean"),
            "dwell_seconds": np.nan,
            "dwell_cut": False,
        }
    )
    before = past.frame[names].astype({"click": "boolean"})
    view = replace(past, frame=pd.concat([before, asked], ignore_index=True))
    made = history.compute(view).iloc[len(before) :].reset_index(drop=True)
    return pd.concat([rows.reset_index(drop=True), made], axis=1)
