"""Policies: what chooses a slate, and says with which probability.

Q requests, C candidates, K slots, I items.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from holdfast.core.arrays import Floats, Ints
from holdfast.core.errors import UserError
from holdfast.simulation.draws import Draws
from holdfast.simulation.items import ObservedItems
from holdfast.simulation.users import ObservedUsers


@dataclass(frozen=True, kw_only=True)
class Requests:
    """Q requests of one day as a policy sees them: nothing here that the log does not know.

    Attributes:
        day: day 0 is the first of the log.
        num_slots: K.
        user: row of the user, ``[Q]``.
        candidates: rows of the items to choose from, all different, ``[Q, C]``.
        recent_topics: topics of the last clicked items, the latest last, -1 for none, ``[Q, H]``.
        users: what is known of all users.
        items: what is known of all items.
        shows: recent impressions of each item until last night, ``[I]``.
        clicks: recent clicks on each item until last night, ``[I]``.
        draws: the chance that belongs to these requests; its units are the rows of users.
        seconds: of each request after local midnight, ``[Q]``; None where nobody says.
    """

    day: int
    num_slots: int
    user: Ints
    candidates: Ints
    recent_topics: Ints
    users: ObservedUsers
    items: ObservedItems
    shows: Floats
    clicks: Floats
    draws: Draws
    seconds: Floats | None = None


@dataclass(frozen=True, kw_only=True)
class Slates:
    """What a policy chose for Q requests.

    Attributes:
        position: which candidate is in which slot, 0 to C - 1, all different, ``[Q, K]``.
        propensity: probability of this item in this slot, given the request, in (0, 1], ``[Q, K]``.
        slate_propensity: probability of the whole ordered slate, given the request, in (0, 1], ``[Q]``.
    """

    position: Ints
    propensity: Floats
    slate_propensity: Floats


class Policy(Protocol):
    """Chooses slates and logs the exact probability of what it did."""

    @property
    def name(self) -> str:
        """Name and version, as logged."""
        ...

    def choose(self, requests: Requests) -> Slates:
        """Slates for the requests; all randomness comes from ``requests.draws``."""
        ...


class Scorer(Protocol):
    """Gives every candidate of a request a number; higher is better."""

    def score(self, requests: Requests) -> Floats:
        """Scores ``[Q, C]``, finite."""
        ...


@dataclass(frozen=True, kw_only=True)
class PopularityAndTopics:
    r"""A simple ranker: what is clicked a lot, and a bonus for topics that the user declared.

    .. math:: s_{ui} = \log \frac{clicks_i + n_0 r_0}{shows_i + n_0} + b \, \mathbb{1}[g(i) \in declared(u)]

    with the main topic g of an item.

    Attributes:
        topic_bonus: b.
        prior_rate: r_0, the click rate that an item without a history is given.
        prior_shows: n_0 > 0, how many impressions that guess is worth.
    """

    topic_bonus: float = 0.5
    prior_rate: float = 0.1
    prior_shows: float = 20.0

    def score(self, requests: Requests) -> Floats:
        """Scores ``[Q, C]``."""
        prior = self.prior_rate * self.prior_shows
        popularity = np.log((requests.clicks + prior) / (requests.shows + self.prior_shows))
        topic = requests.items.topic[requests.candidates]
        declared = requests.users.declared[requests.user[:, None], topic]
        return np.asarray(popularity[requests.candidates] + self.topic_bonus * declared)


@dataclass(frozen=True, kw_only=True)
class ItemScores:
    """Ranks by one fixed number an item: a bestseller list, or a probe such as 'the most clickbait first'.

    Attributes:
        scores: ``[I]``.
    """

    scores: Floats

    def score(self, requests: Requests) -> Floats:
        """Scores ``[Q, C]``."""
        return self.scores[requests.candidates]


def greedy_slates(scores: Floats, *, num_slots: int) -> Ints:
    """Positions of the K highest scores ``[Q, C]`` in falling order, ``[Q, K]``; the earlier wins a tie."""
    return np.argsort(-scores, axis=1, kind="stable")[:, :num_slots]


class PolicyError(UserError):
    """A policy broke its contract, or failed; the message names the policy and the day."""


def checked_name(policy: object) -> str:
    """The name of a policy, as logged.

    Raises:
        PolicyError: it has none, or none that a log can hold; the message says of what type the policy is.
    """
    name = getattr(policy, "name", None)
    if not isinstance(name, str) or not name:
        raise PolicyError(
            f"a policy of type {type(policy).__name__} has the name {name!r}; give it an attribute "
            "name, a text that is not empty, such as 'mine@1'"
        )
    return name


def check_slates(slates: Slates, requests: Requests, *, policy: str) -> None:
    """Refuse what no log should hold.

    Raises:
        PolicyError: not slates at all, a wrong shape or type, a candidate that does not exist or is shown
            twice, a propensity that is NaN or outside (0, 1], or a slate that is likelier than an item in it;
            the message names the policy and the day.
    """
    where = f"policy {policy!r} on day {requests.day}"
    num_requests, num_candidates = requests.candidates.shape
    slate_shape = (num_requests, requests.num_slots)
    shapes = {"position": slate_shape, "propensity": slate_shape, "slate_propensity": (num_requests,)}
    for name, shape in shapes.items():
        _check_array(getattr(slates, name, None), f"{where}: {name}", shape=shape, whole=name == "position")
    if ((slates.position < 0) | (slates.position >= num_candidates)).any():
        raise PolicyError(f"{where}: a position is outside 0 to {num_candidates - 1}")
    ordered = np.sort(slates.position, axis=1)
    if (ordered[:, 1:] == ordered[:, :-1]).any():
        raise PolicyError(f"{where}: a slate shows one candidate twice")
    for name in ("propensity", "slate_propensity"):
        value = getattr(slates, name)
        bad = ~((value > 0.0) & (value <= 1.0))
        if bad.any():
            raise PolicyError(
                f"{where}: {int(bad.sum())} values of {name} are NaN or outside (0, 1], "
                f"the first is {value[bad][0]!r}"
            )
    above = slates.slate_propensity[:, None] > slates.propensity * (1.0 + LIKELIER)
    if above.any():
        likelier = np.flatnonzero(above.any(axis=1))
        first = likelier[0]
        raise PolicyError(
            f"{where}: {len(likelier)} slates are likelier than an item in them, the first has "
            f"slate_propensity {slates.slate_propensity[first]:g} and propensity "
            f"{slates.propensity[first].min():g}"
        )


LIKELIER = 1e-6
"""A slate may be likelier than an item in it by this share: chances that are computed have errors."""


def _check_array(value: object, name: str, *, shape: tuple[int, ...], whole: bool) -> None:
    if not isinstance(value, np.ndarray):
        raise PolicyError(f"{name} is of type {type(value).__name__}; it must be a NumPy array")
    if value.shape != shape:
        raise PolicyError(f"{name} has shape {value.shape}; {shape} is needed")
    if not np.issubdtype(value.dtype, np.integer if whole else np.floating):
        raise PolicyError(f"{name} holds {value.dtype}; it must hold {'integers' if whole else 'floats'}")
