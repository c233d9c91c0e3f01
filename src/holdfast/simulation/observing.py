"""What happened on days of a world, for whoever is told of it at night: the log's events without features.

N rows, Q requests, K slots.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
import pandas as pd

from holdfast.data.log import Log
from holdfast.simulation.policy import Policy, PolicyError
from holdfast.simulation.publishing import Publication
from holdfast.simulation.record import Day


@runtime_checkable
class ObservingPolicy(Policy, Protocol):
    """A policy that is told every night what happened; whatever runs a world with it does so."""

    def observe(self, log: Log) -> None:
        """Take in the events of the day that ended, from ``observed_days``; none where nobody came."""
        ...


def tell(policy: Policy, publication: Publication | None, *, number: int, day: Day | None) -> None:
    """Tell a policy what happened on a day, if it wants to know.

    Args:
        policy: told if it is an ``ObservingPolicy``.
        publication: how the world writes its log.
        number: of the day.
        day: what happened, in any order; None where nobody came.

    Raises:
        PolicyError: whatever went wrong within the policy, or nobody said how the world writes its log; the
            message names policy and day.
    """
    if not isinstance(policy, ObservingPolicy):
        return
    where = f"policy {policy.name!r} on the night after day {number}"
    if publication is None:
        raise PolicyError(f"{where}: it wants to be told what happened; give the publication of the world")
    days = [] if day is None else [publication.in_order(day)]
    log = observed_days(publication, days, until_day=number + 1)
    try:
        policy.observe(log)
    except Exception as error:
        raise PolicyError(f"{where} failed: {type(error).__name__}: {error}") from error


def observed_days(publication: Publication, days: Sequence[Day], *, until_day: int) -> Log:
    """The events of days as ``NightlyStore.observe`` wants them: who was shown what when, click and dwell.

    Unlike ``Publication.log`` it makes a log of a day on which nobody clicked, or nobody came at all.

    Args:
        publication: how the world writes its log; ids and moments are those of the log.
        days: in order, each ``in_order``; none where nobody came.
        until_day: the day before which all is known, later than all the days.

    Returns:
        ``request_id``, ``user_id``, ``item_id``, ``shown_at``, ``click`` and ``dwell_seconds``, ``[N]``.
    """
    if days and days[-1].day >= until_day:
        raise ValueError(f"until_day is {until_day}, and the days go on to {days[-1].day}; it must be later")
    events = pd.concat([_events(publication, day) for day in days] or [_NO_EVENTS], ignore_index=True)
    events["shown_at"] = pd.to_datetime(events["shown_at"], unit="us", utc=True).dt.as_unit("us")
    return Log(events, publication.card(), publication.until(until_day))


_NO_EVENTS = pd.DataFrame(
    {
        "request_id": np.zeros(0, dtype=np.int64),
        "user_id": np.zeros(0, dtype=np.int64),
        "item_id": np.zeros(0, dtype=np.int64),
        "shown_at": np.zeros(0, dtype=np.int64),
        "click": np.zeros(0, dtype=bool),
        "dwell_seconds": np.zeros(0),
    }
)


def _events(publication: Publication, day: Day) -> pd.DataFrame:
    requests = day.requests
    num_requests, num_slots = requests.item.shape
    return pd.DataFrame(
        {
            "request_id": day.first_request + np.repeat(np.arange(num_requests), num_slots),
            "user_id": np.repeat(requests.user.astype(np.int64) + 1, num_slots),
            "item_id": requests.item.ravel().astype(np.int64) + 1,
            "shown_at": np.repeat(publication.shown(day), num_slots),
            "click": requests.click.ravel(),
            "dwell_seconds": requests.dwell_seconds.ravel().astype(np.float64),
        }
    )
