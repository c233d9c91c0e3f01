"""A policy as two parts: scorers that say what is good, and an exploration that decides what is shown.

M scorers (members of an ensemble), Q requests, C candidates, K slots.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from holdfast.core.arrays import Floats
from holdfast.simulation.policy import PolicyError, Requests, Scorer, Slates


@runtime_checkable
class Exploration(Protocol):
    """Makes slates out of scores, and says with which probability.

    ``Slates.propensity`` is the *marginal* chance of the item in its slot given the request, whatever stands
    in the other slots; ``Slates.slate_propensity`` that of the whole ordered slate. Both are exact.
    """

    @property
    def label(self) -> str:
        """Kind and settings, for the name of the policy in the log; for example ``epsilon_greedy(0.1)``."""
        ...

    @property
    def least_scorers(self) -> int:
        """How many scorers it needs: 0 where scores do not matter, 2 where it needs to know their spread."""
        ...

    def slates(self, scores: Floats, requests: Requests) -> Slates:
        """Slates for finite scores ``[M, Q, C]`` with C >= K; all chance comes from ``requests.draws``."""
        ...


@runtime_checkable
class SlotChances(Protocol):
    """An exploration that says how likely *every* candidate is in every slot, not only what it shows.

    Off-policy evaluation asks it about slates that another policy chose.
    """

    def slot_chances(self, scores: Floats, *, num_slots: int) -> Floats:
        """The marginal chances of which ``Slates.propensity`` is one, ``[Q, K, C]``; each slot sums to 1.

        Args:
            scores: finite, ``[M, Q, C]`` with C >= K.
            num_slots: K.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class ScoredPolicy:
    """Any scorers with any exploration around them.

    An exploration that ranks by one number takes the mean of the scorers.

    Attributes:
        exploration: how slates are made of scores.
        scorers: members of an ensemble, or just one.
        ranker: what the scorers are, for the log.
        version: of the policy, for the log; one more after each training.
    """

    exploration: Exploration
    scorers: tuple[Scorer, ...] = ()
    ranker: str = "none"
    version: int = 1

    def __post_init__(self) -> None:
        check_number_of_scorers(len(self.scorers), self.exploration)

    @property
    def name(self) -> str:
        """For example ``popularity/epsilon_greedy(0.1)@1``."""
        return policy_name(self.ranker, self.exploration, self.version)

    def choose(self, requests: Requests) -> Slates:
        """One slate a request, with both propensities.

        Raises:
            ValueError: there are fewer candidates than slots, or scores have a wrong shape or are not
                finite; the message names the policy, the scorer and the day.
        """
        check_candidates(requests, policy=self.name)
        scores = [
            checked_scores(each.score(requests), requests, policy=self.name, scorer=type(each).__name__)
            for each in self.scorers
        ]
        return self.exploration.slates(stacked(scores, requests), requests)


def policy_name(ranker: str, exploration: Exploration, version: int) -> str:
    """``<ranker>/<exploration>@<version>``."""
    return f"{ranker}/{exploration.label}@{version}"


def stacked(scores: list[Floats], requests: Requests) -> Floats:
    """Scores ``[M, Q, C]`` of M scorers; M may be 0."""
    return np.stack(scores) if scores else np.zeros((0, *requests.candidates.shape))


def check_number_of_scorers(number: int, exploration: Exploration) -> None:
    """Refuse an ensemble that is too small.

    Raises:
        ValueError: names the exploration and what it needs.
    """
    if number < exploration.least_scorers:
        raise ValueError(
            f"{exploration.label} needs at least {exploration.least_scorers} scorers and was given {number}"
        )


def check_candidates(requests: Requests, *, policy: str) -> None:
    """Refuse requests that cannot fill their slots.

    Raises:
        ValueError: no slots, or fewer candidates than slots; names the policy and the day.
    """
    num_candidates = requests.candidates.shape[1]
    if not 1 <= requests.num_slots <= num_candidates:
        raise PolicyError(
            f"policy {policy!r} on day {requests.day}: {num_candidates} candidates for "
            f"{requests.num_slots} slots; a slate needs at least one slot and a candidate for each"
        )


def checked_scores(scores: Floats, requests: Requests, *, policy: str, scorer: str) -> Floats:
    """The scores as float64 ``[Q, C]``.

    Raises:
        ValueError: a wrong shape, or NaN or infinite scores; names the policy, the scorer and the day.
    """
    where = f"policy {policy!r} ({scorer}) on day {requests.day}"
    values = np.asarray(scores, dtype=np.float64)
    if values.shape != requests.candidates.shape:
        raise PolicyError(
            f"{where}: scores have shape {values.shape}, and the candidates {requests.candidates.shape}"
        )
    bad = ~np.isfinite(values)
    if bad.any():
        raise PolicyError(f"{where}: {int(bad.sum())} of {values.size} scores are NaN or infinite")
    return values
