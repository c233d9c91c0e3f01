"""Rankers that know the truth: marks to measure others against, not methods.

Q requests, C candidates, K slots.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from scipy.special import ndtr

from holdfast.core.arrays import Floats
from holdfast.simulation.policies.privileged import CandidateTruth
from holdfast.simulation.policies.scored import (
    Exploration,
    check_candidates,
    check_number_of_scorers,
    checked_scores,
    policy_name,
    stacked,
)
from holdfast.simulation.policy import PolicyError, Requests, Slates

# As in the law of experience (wellbeing.py); a test holds the two together.
GOOD_SECONDS = 30.0
LET_DOWN_SECONDS = 10.0
BOREDOM = 0.15


@runtime_checkable
class PrivilegedScorer(Protocol):
    """Gives every candidate a number; higher is better; may see the truth."""

    def score_knowing(self, requests: Requests, truth: CandidateTruth) -> Floats:
        """Scores ``[Q, C]``, finite."""
        ...


@dataclass(frozen=True, kw_only=True)
class OraclePolicy:
    """A privileged scorer with any exploration around it.

    Attributes:
        scorer: who knows.
        exploration: how slates are made of scores.
        ranker: what the scorer is, for the log.
        version: of the policy, for the log.
    """

    scorer: PrivilegedScorer
    exploration: Exploration
    ranker: str
    version: int = 1

    def __post_init__(self) -> None:
        check_number_of_scorers(1, self.exploration)

    @property
    def name(self) -> str:
        """For example ``myopic_oracle/epsilon_greedy(0)@1``."""
        return policy_name(self.ranker, self.exploration, self.version)

    def choose(self, requests: Requests) -> Slates:
        """Refused: without the truth an oracle knows nothing.

        Raises:
            ValueError: always.
        """
        raise PolicyError(
            f"policy {self.name!r} on day {requests.day}: an oracle has to be told the truth; it serves in "
            "worlds that call choose_knowing, and nowhere else"
        )

    def choose_knowing(self, requests: Requests, truth: CandidateTruth) -> Slates:
        """One slate a request, with both propensities; errors as in ``ScoredPolicy.choose``."""
        check_candidates(requests, policy=self.name)
        scores = checked_scores(
            self.scorer.score_knowing(requests, truth),
            requests,
            policy=self.name,
            scorer=type(self.scorer).__name__,
        )
        return self.exploration.slates(stacked([scores], requests), requests)


@dataclass(frozen=True, kw_only=True)
class MyopicOracle:
    r"""What this very slate brings in: expected clicks, and expected seconds at a price.

    .. math:: s_i = P(\text{click} \mid \text{look}) \, (v_c + v_s \, E[\min(D^*, L)])

    Slots only differ in the chance of a look, which falls: the K largest in order are the slate with the
    highest expected sum of all slates.

    Attributes:
        click_value: v_c, of a click.
        second_value: v_s, of a second of dwell, in the same units.
    """

    click_value: float = 1.0
    second_value: float = 0.0

    def __post_init__(self) -> None:
        _check_values({"click_value": self.click_value, "second_value": self.second_value})

    def score_knowing(self, requests: Requests, truth: CandidateTruth) -> Floats:
        """Scores ``[Q, C]``, in units of the values."""
        return np.asarray(truth.liking * (self.click_value + self.second_value * expected_dwell(truth)))


@dataclass(frozen=True, kw_only=True)
class LongTermOracle:
    r"""What the slate brings in, plus the visits that it will bring about.

    A slate with experience E moves satisfaction by about :math:`\lambda E / 2`, of which a share
    :math:`(1 - \lambda)^n` is left n visits later. A unit of it moves the chance of a visit by
    :math:`\beta_S h (1 - h)`. Summed over all visits to come, :math:`\lambda` cancels, and E brings about

    .. math:: \Delta_u E, \qquad \Delta_u = \beta_S h_u (1 - h_u) / 2

    visits. With :math:`a_i` the chance of a click given a look, :math:`P^+_i` the chance that a click is
    good, :math:`P^-_i` that it is a let-down, :math:`\bar e` the mean look of the K slots and :math:`F_i`
    the fatigue with its topic,

    .. math:: s_i = \bar e \, a_i \, (v_c + v_s \, E[\min(D^*, L)])
        + v_v \Delta_u \bigl(\bar e \, a_i (P^+_i - P^-_i) - 0.15 F_i / K\bigr)

    An upper mark, not a proven optimum: it linearises, treats the slots alike, and does not plan how topics
    tire or interests move.

    Attributes:
        click_value: v_c, of a click.
        second_value: v_s, of a second of dwell, in the same units.
        visit_value: v_v, of one more visit, in the same units.
    """

    click_value: float = 1.0
    second_value: float = 0.0
    visit_value: float = 10.0

    def __post_init__(self) -> None:
        _check_values(
            {
                "click_value": self.click_value,
                "second_value": self.second_value,
                "visit_value": self.visit_value,
            }
        )

    def score_knowing(self, requests: Requests, truth: CandidateTruth) -> Floats:
        """Scores ``[Q, C]``, in units of the values."""
        looked_at = truth.look.mean() * truth.liking
        now = looked_at * (self.click_value + self.second_value * expected_dwell(truth))
        felt = looked_at * (good_chance(truth) - let_down_chance(truth))
        felt = felt - BOREDOM * truth.fatigue / len(truth.look)
        stay = truth.next_day_return
        visits = 0.5 * truth.satisfaction_effect * stay * (1.0 - stay)
        return np.asarray(now + self.visit_value * visits[:, None] * felt)


def expected_dwell(truth: CandidateTruth) -> Floats:
    r"""Expected seconds of dwell after a click, ``[Q, C]``, for a log-normal cut off at the length L.

    .. math:: E[\min(D^*, L)] = e^{\mu + \sigma^2 / 2} \, \Phi\Bigl(\frac{\log L - \mu}{\sigma} - \sigma\Bigr)
        + L \, \Phi\Bigl(-\frac{\log L - \mu}{\sigma}\Bigr)
    """
    mean, spread, length = truth.dwell_log_mean, truth.dwell_spread, truth.content_seconds
    end = (np.log(length) - mean) / spread
    return np.asarray(np.exp(mean + 0.5 * spread**2) * ndtr(end - spread) + length * ndtr(-end))


def good_chance(truth: CandidateTruth) -> Floats:
    """Chance that a click is good: 30 seconds, or to the end, ``[Q, C]``."""
    enough = np.minimum(truth.content_seconds, GOOD_SECONDS)
    return np.asarray(ndtr((truth.dwell_log_mean - np.log(enough)) / truth.dwell_spread))


def let_down_chance(truth: CandidateTruth) -> Floats:
    """Chance that a click is a let-down: left within 10 seconds, before the end, ``[Q, C]``."""
    left = np.minimum(truth.content_seconds, LET_DOWN_SECONDS)
    return np.asarray(ndtr((np.log(left) - truth.dwell_log_mean) / truth.dwell_spread))


def _check_values(values: dict[str, float]) -> None:
    for name, value in values.items():
        if not abs(value) < float("inf"):
            raise ValueError(f"{name} is {value}; it must be a finite number")
