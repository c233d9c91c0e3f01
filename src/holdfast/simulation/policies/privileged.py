"""The door through which a world shows its truth to an oracle: never part of ``Requests``.

Q requests, C candidates, K slots.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from holdfast.core.arrays import Floats, Ints
from holdfast.simulation.mechanisms import Mechanisms, Today
from holdfast.simulation.policy import Policy, PolicyError, Requests, Slates
from holdfast.simulation.reactions import Slate, examination
from holdfast.simulation.read_only import read_only
from holdfast.simulation.state import State
from holdfast.simulation.users import DEVICES


@dataclass(frozen=True, kw_only=True)
class CandidateTruth:
    """What would happen if a candidate were shown; no log and no model ever has it.

    Attributes:
        liking: chance of a click on a candidate that is looked at, in (0, 1), ``[Q, C]``.
        look: chance that a slot is looked at, ``[K]``.
        dwell_log_mean: mean of the log of the latent time on it, log seconds, ``[Q, C]``.
        dwell_spread: standard deviation of that log.
        content_seconds: its length, ``[Q, C]``.
        fatigue: of the user with its topic, >= 0, ``[Q, C]``.
        next_day_return: chance of a visit tomorrow at the present satisfaction, season and holiday included,
            of one who does not leave for good today, in (0, 1), ``[Q]``.
        satisfaction_effect: log odds of return per unit of satisfaction.
    """

    liking: Floats
    look: Floats
    dwell_log_mean: Floats
    dwell_spread: float
    content_seconds: Floats
    fatigue: Floats
    next_day_return: Floats
    satisfaction_effect: float


@runtime_checkable
class PrivilegedPolicy(Policy, Protocol):
    """A policy that may see the truth. A world that meets one calls ``choose_knowing``, not ``choose``."""

    def choose_knowing(self, requests: Requests, truth: CandidateTruth) -> Slates:
        """Slates for the requests, by what would really happen."""
        ...


def ask(policy: Policy, requests: Requests, truth: CandidateTruth | None) -> Slates:
    """A policy's choice, not checked yet.

    What a policy is given it can read and not change: what one did to the world, others would meet.

    Args:
        policy: asked with the truth where it may see it, and else without.
        requests: to choose for.
        truth: about the requests; needed for a privileged policy.

    Raises:
        PolicyError: whatever went wrong within the policy; the message names it and the day.
    """
    asked = read_only(requests)
    try:
        if isinstance(policy, PrivilegedPolicy):
            assert truth is not None
            return policy.choose_knowing(asked, read_only(truth))
        return policy.choose(asked)
    except PolicyError:
        raise
    except Exception as error:
        raise PolicyError(
            f"policy {policy.name!r} on day {requests.day} failed: {type(error).__name__}: {error}"
        ) from error


def candidate_truth(
    parts: Mechanisms, state: State, now: Today, requests: Requests, seconds: Floats
) -> CandidateTruth:
    """The truth about all candidates of requests, in the state of the world at that moment.

    Args:
        parts: the world's laws, users and items.
        state: before the requests are served.
        now: the day.
        requests: Q requests of one round.
        seconds: of each request, after local midnight, ``[Q]``.
    """
    slate = _all_candidates(parts, state, now, requests, seconds)
    decay = now.reactions.examination_decay
    # The law is for a slate: taken for one of C slots, the look divided out again.
    as_if_shown = now.reactions.click_probability(slate)
    liking = as_if_shown / examination(as_if_shown.shape[1], decay=decay)
    user = requests.user
    return CandidateTruth(
        liking=np.minimum(liking, 1.0),
        look=examination(requests.num_slots, decay=decay),
        dwell_log_mean=now.reactions.dwell_log_mean(slate),
        dwell_spread=now.reactions.dwell_spread,
        content_seconds=slate.content_seconds,
        fatigue=slate.fatigue,
        next_day_return=parts.returning.hazard(
            frailty=parts.users.frailty[user],
            satisfaction=state.satisfaction[user],
            gap_days=np.ones(len(user), dtype=np.int64),
            weekday=(now.weekday + 1) % 7,
            today=parts.changes.return_log_odds(now.day + 1),
        ),
        satisfaction_effect=parts.returning.satisfaction_effect,
    )


def _all_candidates(
    parts: Mechanisms, state: State, now: Today, requests: Requests, seconds: Floats
) -> Slate:
    item: Ints = requests.candidates
    user: Ints = requests.user
    observed = parts.observed_items
    return Slate(
        interest=np.einsum("qg,qcg->qc", state.interest[user], now.mix[item]),
        quality=parts.items.quality[item],
        clickbait=parts.items.clickbait[item],
        length=parts.items.length[item],
        content_seconds=observed.content_seconds[item],
        age_days=now.age_days[item],
        fatigue=state.fatigue[user[:, None], observed.topic[item]],
        on_phone=(parts.observed_users.device[user] == DEVICES.index("phone"))[:, None],
        hour=(seconds / 3600.0)[:, None],
    )
