"""Everything in a world that changes from day to day, in arrays.

U users, I items, G topics, H clicked items remembered.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from holdfast.core.arrays import Bools, Floats, Ints
from holdfast.simulation.users import Users

RECENT_TOPICS = 10
TRAFFIC_KEPT = 0.9


@dataclass
class State:
    """The state of a world on one morning.

    Attributes:
        interest: liking of topics, ``[U, G]``.
        fatigue: with topics, >= 0, ``[U, G]``.
        satisfaction: in (-1, 1), ``[U]``.
        last_visit: day of the last visit; the day of arrival before it, ``[U]``.
        gone: whether a user has left for good, ``[U]``.
        recent_topics: topics of the last clicked items, the latest last, -1 for none, ``[U, H]``.
        shows: impressions of each item, those of earlier days fading, ``[I]``.
        clicks: clicks on each item, those of earlier days fading, ``[I]``.
    """

    interest: Floats
    fatigue: Floats
    satisfaction: Floats
    last_visit: Ints
    gone: Bools
    recent_topics: Ints
    shows: Floats
    clicks: Floats

    def remember(self, user: Ints, topic: Ints, click: Bools) -> None:
        """Append the topics ``[Q, K]`` of what users ``[Q]``, all different, clicked, by slot."""
        some = click.any(axis=1)
        user, topic, click = user[some], topic[some], click[some]
        recent = self.recent_topics[user]
        # Old and new side by side, gaps moved to the front: the last H are what is remembered.
        joined = np.concatenate([recent, np.where(click, topic, -1)], axis=1)
        order = np.argsort(joined >= 0, axis=1, kind="stable")
        self.recent_topics[user] = np.take_along_axis(joined, order, axis=1)[:, -RECENT_TOPICS:]

    def count(self, item: Ints, click: Bools) -> None:
        """Close a day's books: what was shown ``[N]`` and whether it was clicked ``[N]``."""
        # New arrays, not changed ones: a policy may have kept what it saw yesterday.
        self.shows = TRAFFIC_KEPT * self.shows + np.bincount(item, minlength=len(self.shows))
        self.clicks = TRAFFIC_KEPT * self.clicks + np.bincount(item, click, minlength=len(self.clicks))


def fresh_state(users: Users, *, num_items: int) -> State:
    """The state before anything was shown to anybody."""
    num_users, num_topics = users.interest.shape
    return State(
        interest=users.interest.copy(),
        fatigue=np.zeros((num_users, num_topics)),
        satisfaction=np.zeros(num_users),
        last_visit=users.arrival_day.copy(),
        gone=np.zeros(num_users, dtype=bool),
        recent_topics=np.full((num_users, RECENT_TOPICS), -1, dtype=np.int16),
        shows=np.zeros(num_items),
        clicks=np.zeros(num_items),
    )
