"""A log's requests once more, with what another policy would have shown.

N rows, Q requests, C candidates, K slots.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from holdfast.core.arrays import Floats, Ints
from holdfast.simulation.loop import NOBODY, PolicyOn, Run
from holdfast.simulation.observing import tell
from holdfast.simulation.policies.privileged import CandidateTruth, ask
from holdfast.simulation.policy import Policy, Requests, Slates, check_slates, checked_name
from holdfast.simulation.publishing import Publication


def replay(publication: Publication, behavior: PolicyOn, policy: Policy, *, threads: int = 1) -> pd.DataFrame:
    """What a policy would have shown in every request of a log, and how users would have reacted.

    The world runs as it did, under its behavior policy; in every request the other policy is asked as well,
    and its slate is not shown. So users are in the state in which the log found them: this is the truth that
    an off-policy estimate of a single slate is after, not what a long run under the policy would do.

    Args:
        publication: of the world.
        behavior: what served the log, by day.
        policy: what is asked beside it; an ``ObservingPolicy`` is told of every day of the log, so that its
            features are those of the log.
        threads: how many threads work.

    Returns:
        A row a row of the log, in its order, ``[N]``: ``request_id``, ``slot``, and of the policy's slate
        ``item_id``, ``propensity``, ``click_probability`` (examination included) and ``dwell_log_mean``.

    Raises:
        PolicyError: the policy chose what it may not, or failed; the message names it and the day.
        ValueError: nobody came on any day.
    """
    checked_name(policy)
    run = Run(publication.parts, threads=threads)
    tables = []
    while run.day < publication.parts.num_days:
        beside = _Beside(served_by=behavior(run.day), asked=policy)
        number = run.day
        day = run.step(beside if number >= 0 else behavior(number))
        if number >= 0:
            tell(policy, publication, number=number, day=day)
        if number < 0 or day is None:
            continue
        requests = publication.in_order(day).requests
        # Both sides by user and moment: requests came in parts, in any order.
        user, seconds = (np.concatenate([getattr(each, name) for each in beside.answers]) for name in KEYS)
        place = np.empty(len(user), dtype=np.int64)
        place[np.lexsort((requests.seconds, requests.user))] = np.lexsort((seconds, user))
        num_slots = requests.item.shape[1]
        columns = {
            name: np.concatenate([getattr(each, name) for each in beside.answers])[place].ravel()
            for name in ("item_id", "propensity", "click_probability", "dwell_log_mean")
        }
        request = day.first_request + np.repeat(np.arange(len(user)), num_slots)
        slot = np.tile(np.arange(num_slots), len(user))
        tables.append(pd.DataFrame({"request_id": request, "slot": slot, **columns}))
    if not tables:
        raise ValueError(NOBODY)
    return pd.concat(tables, ignore_index=True)


KEYS = ("user", "seconds")


@dataclass(frozen=True, kw_only=True)
class _Answer:
    user: Ints
    seconds: Floats
    item_id: Ints
    propensity: Floats
    click_probability: Floats
    dwell_log_mean: Floats


@dataclass(frozen=True, kw_only=True)
class _Beside:
    """Serves with one policy and asks another one what it would have shown."""

    served_by: Policy
    asked: Policy
    answers: list[_Answer] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.served_by.name

    def choose(self, requests: Requests) -> Slates:
        raise AssertionError("a world tells the truth to whoever can be told")

    def choose_knowing(self, requests: Requests, truth: CandidateTruth) -> Slates:
        slates = ask(self.asked, requests, truth)
        check_slates(slates, requests, policy=self.asked.name)
        position = slates.position
        assert requests.seconds is not None
        self.answers.append(
            _Answer(
                user=requests.user,
                seconds=requests.seconds,
                item_id=np.take_along_axis(requests.candidates, position, axis=1).astype(np.int64) + 1,
                propensity=slates.propensity,
                click_probability=truth.look * np.take_along_axis(truth.liking, position, axis=1),
                dwell_log_mean=np.take_along_axis(truth.dwell_log_mean, position, axis=1),
            )
        )
        return ask(self.served_by, requests, truth)
