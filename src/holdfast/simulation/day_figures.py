"""What is written down about a day of a world, truth included: for judges, never for models."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from holdfast.core.arrays import Ints
from holdfast.simulation.diversity import coverage, gini, topic_entropy, user_concentration
from holdfast.simulation.mechanisms import Mechanisms, alive
from holdfast.simulation.record import Day
from holdfast.simulation.state import State


@dataclass(frozen=True, kw_only=True)
class DayFigures:
    """One day under one policy. Means and shares of nothing are NaN.

    Attributes:
        day: day 0 is the first of the log.
        policy: name and version of what served.
        arrived_users: users who had arrived by this day.
        gone_users: of these, those who have left for good.
        active_users: users who visited.
        back_from_yesterday: share of yesterday's visitors who visited today.
        requests: number of them.
        impressions: number of them.
        clicks: number of them.
        click_rate: clicks an impression.
        dwell_seconds: sum over all clicks.
        dwell_mean: seconds a click.
        satisfaction: true, mean over all who had arrived, in the evening.
        visitor_satisfaction: true, mean over the visitors, in the evening.
        coverage: share of the items alive, born and not withdrawn, that were shown.
        gini: of impressions over the items alive.
        topic_entropy: of impressions over main topics, in [0, 1].
        user_concentration: chance that two impressions of a visitor have the same main topic.
    """

    day: int
    policy: str
    arrived_users: int
    gone_users: int
    active_users: int
    back_from_yesterday: float
    requests: int
    impressions: int
    clicks: int
    click_rate: float
    dwell_seconds: float
    dwell_mean: float
    satisfaction: float
    visitor_satisfaction: float
    coverage: float
    gini: float
    topic_entropy: float
    user_concentration: float


NOTHING_SHOWN = {
    "active_users": 0,
    "requests": 0,
    "impressions": 0,
    "clicks": 0,
    "click_rate": float("nan"),
    "dwell_seconds": 0.0,
    "dwell_mean": float("nan"),
    "visitor_satisfaction": float("nan"),
    "coverage": 0.0,
    "gini": float("nan"),
    "topic_entropy": float("nan"),
    "user_concentration": float("nan"),
}


def day_figures(
    parts: Mechanisms, state: State, day: Day | None, *, number: int, policy: str, yesterday: Ints
) -> DayFigures:
    """The figures of a day.

    Args:
        parts: what the world is made of.
        state: in the evening of the day.
        day: what happened; None where nobody came.
        number: of the day.
        policy: name of what served, or would have.
        yesterday: who visited the day before; empty where that is not known.
    """
    arrived = parts.users.arrival_day <= number
    visitors = np.zeros(0, dtype=np.int64) if day is None else day.visits.user
    shown = NOTHING_SHOWN if day is None else _shown(parts, day)
    return DayFigures(
        day=number,
        policy=policy,
        arrived_users=int(arrived.sum()),
        gone_users=int(state.gone.sum()),
        back_from_yesterday=float(np.isin(yesterday, visitors).mean()) if len(yesterday) else float("nan"),
        satisfaction=float(state.satisfaction[arrived].mean()) if arrived.any() else float("nan"),
        **shown,  # type: ignore[arg-type]
    )


def _shown(parts: Mechanisms, day: Day) -> dict[str, float]:
    requests = day.requests
    item, num_slots = requests.item.ravel(), requests.item.shape[1]
    clicks = int(requests.click.sum())
    seconds = float(np.nansum(requests.dwell_seconds))
    items = parts.observed_items
    shows = np.bincount(item, minlength=len(items.topic))[alive(parts, day.day)]
    topic = items.topic[item]
    num_topics = parts.users.interest.shape[1]
    return {
        "active_users": len(day.visits.user),
        "requests": len(requests.user),
        "impressions": len(item),
        "clicks": clicks,
        "click_rate": clicks / len(item),
        "dwell_seconds": seconds,
        "dwell_mean": seconds / clicks if clicks else float("nan"),
        "visitor_satisfaction": float(day.visits.satisfaction_after.mean()),
        "coverage": coverage(shows),
        "gini": gini(shows),
        "topic_entropy": topic_entropy(np.bincount(topic, minlength=num_topics)),
        "user_concentration": user_concentration(
            np.repeat(requests.user, num_slots), topic, num_topics=num_topics
        ),
    }
