"""The days of a world, one after the other.

U users.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np

from holdfast.core.arrays import Floats
from holdfast.simulation.mechanisms import Mechanisms, Today, today
from holdfast.simulation.observing import ObservingPolicy, tell
from holdfast.simulation.policies.privileged import PrivilegedPolicy, ask, candidate_truth
from holdfast.simulation.policy import Policy, PolicyError, Requests, Slates, check_slates, checked_name
from holdfast.simulation.publishing import Publication
from holdfast.simulation.record import Day, RequestRecord, VisitRecord, joined
from holdfast.simulation.state import State, fresh_state
from holdfast.simulation.visit_day import Choose, serve_visitors, who_visits

PolicyOn = Callable[[int], Policy]

BLOCK_USERS = 8192
"""Users who are looked after together: enough to keep NumPy busy, few enough to stay in the cache."""


class Run:
    """A world in motion: every step is a day under a policy.

    Users are looked after in blocks. What one does today depends on nobody else's today, so blocks may run at
    the same time, and the outcome does not depend on how many do.

    Attributes:
        parts: what the world is made of.
        state: as it is on the morning of ``day``; copy it to come back to this morning later.
        day: the day that the next step runs.
        num_requests: on the days of the log so far.
    """

    def __init__(self, parts: Mechanisms, *, threads: int = 1, state: State | None = None) -> None:
        if threads < 1:
            raise ValueError(f"threads is {threads}; it must be at least 1")
        num_items = len(parts.observed_items.topic)
        self.parts = parts
        self.state = fresh_state(parts.users, num_items=num_items) if state is None else state
        self.day = parts.first_day
        self.num_requests = 0
        self._threads = threads

    def step(self, policy: Policy) -> Day | None:
        """Run one day; None where nobody came.

        The policy is asked about some thousand requests at a time, in any order, but never twice at once.

        Raises:
            PolicyError: the policy chose what it may not, or failed; the message names it and the day, and
                the run cannot go on.
            ValueError: too few items are alive, or the world has ended; the message names the day.
        """
        if self.day >= self.parts.end_day:
            raise ValueError(
                f"there is no day {self.day}: the world ends with day {self.parts.end_day - 1}; "
                "raise later_days"
            )
        now = today(self.parts, self.day)
        choose = asking(policy, self.parts, self.state, now)
        num_users = len(self.parts.users.arrival_day)

        def look_after(users: range) -> tuple[list[RequestRecord], VisitRecord | None]:
            return _day_of_block(self.parts, self.state, now, choose, users)

        pieces = even_blocks(num_users, at_most=BLOCK_USERS)
        if self._threads == 1 or len(pieces) == 1:
            blocks = [look_after(users) for users in pieces]
        else:
            with ThreadPoolExecutor(self._threads) as workers:
                blocks = list(workers.map(look_after, pieces))
        self.day += 1
        visits = [visit for _, visit in blocks if visit is not None]
        if not visits:
            return None
        requests = joined([record for records, _ in blocks for record in records])
        self.state.count(requests.item.ravel(), requests.click.ravel())
        first = self.num_requests
        if now.day >= 0:
            self.num_requests += len(requests.user)
        return Day(
            day=now.day,
            policy=policy.name,
            first_request=first,
            requests=requests,
            visits=joined(visits),
        )


def days_of(
    parts: Mechanisms,
    policy: Policy | PolicyOn,
    *,
    publication: Publication | None = None,
    threads: int = 1,
) -> Iterator[Day]:
    """The days of the log, after those before it; a day without visitors is left out.

    Args:
        parts: what the world is made of.
        policy: one policy, or what says which policy serves a day. An ``ObservingPolicy`` is told of every
            day it served, those before the log included.
        publication: how the world writes its log; needed for an ``ObservingPolicy``.
        threads: how many threads work.

    Raises:
        PolicyError: the policy broke its contract, or has to be told of days that another one served.
    """
    run = Run(parts, threads=threads)
    while run.day < parts.num_days:
        number = run.day
        serving = policy(number) if callable(policy) else policy
        if callable(policy) and isinstance(serving, ObservingPolicy):
            raise PolicyError(
                f"policy {serving.name!r} on day {number}: it is told what happened every night, and one "
                "that serves on some days only would miss the others; give the policy itself"
            )
        day = run.step(serving)
        tell(serving, publication, number=number, day=day)
        if number >= 0 and day is not None:
            yield day


NOBODY = "nobody visited on any day of the log; raise num_users or return_level"


def even_blocks(count: int, *, at_most: int) -> list[range]:
    """The numbers below ``count`` in as few blocks as can be, and these about equally long.

    >>> even_blocks(5, at_most=2)
    [range(0, 1), range(1, 3), range(3, 5)]
    """
    num_blocks = -(-count // at_most)
    ends = [count * number // num_blocks for number in range(num_blocks + 1)]
    return [range(start, end) for start, end in pairwise(ends)]


def asking(policy: Policy, parts: Mechanisms, state: State, now: Today) -> Choose:
    """The policy's choice, checked; an oracle is told the truth.

    A second caller waits, because a policy need not be safe with threads.

    Raises:
        PolicyError: the policy has no name; or, when it is asked, what ``ask`` and ``check_slates`` raise.
    """
    lock, name = threading.Lock(), checked_name(policy)
    told = isinstance(policy, PrivilegedPolicy)

    def choose(requests: Requests, seconds: Floats) -> Slates:
        truth = candidate_truth(parts, state, now, requests, seconds) if told else None
        with lock:
            slates = ask(policy, requests, truth)
        check_slates(slates, requests, policy=name)
        return slates

    return choose


def _day_of_block(
    parts: Mechanisms, state: State, now: Today, choose: Choose, block: range
) -> tuple[list[RequestRecord], VisitRecord | None]:
    """The day of a block of users; touches nobody else's state."""
    users = np.arange(block.start, block.stop, dtype=np.int32)
    visitors, hazard = who_visits(parts, state, now, users)
    state.fatigue[block.start : block.stop] *= parts.wellbeing.fatigue_kept
    if len(visitors) == 0:
        return [], None
    return serve_visitors(parts, state, now, choose, visitors, hazard)
