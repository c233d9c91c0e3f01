from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from holdfast.simulation.loop import Run
from holdfast.simulation.policies.behavior import behavior_policy
from holdfast.simulation.policies.privileged import CandidateTruth, ask
from holdfast.simulation.policy import PolicyError, Requests, Slates
from holdfast.simulation.world import DefaultWorld


@dataclass(frozen=True)
class Listening:
    """Writes down what it is told about tomorrow, and shows what the behavior policy would."""

    told: dict[tuple[int, int], float] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return "listening@1"

    def choose(self, requests: Requests) -> Slates:
        raise AssertionError("it may see the truth, so it must be told")

    def choose_knowing(self, requests: Requests, truth: CandidateTruth) -> Slates:
        for user, chance in zip(requests.user.tolist(), truth.next_day_return.tolist(), strict=True):
            self.told[user, requests.day + 1] = chance
        return behavior_policy(epsilon=0.5).choose(requests)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"season": {"start_day": 1, "ramp_days": 4, "strength": 2.0, "period_days": 9}},
        {"holiday": {"start_day": 2, "ramp_days": 5, "strength": -3.0}},
        {
            "season": {"start_day": 0, "ramp_days": 2, "strength": -1.0, "period_days": 5},
            "holiday": {"start_day": 3, "ramp_days": 2, "strength": 1.5},
        },
    ],
    ids=["usual", "season", "holiday", "both"],
)
def test_what_it_says_of_tomorrow_is_what_tomorrow_is(changes: dict[str, Any]):
    """Where satisfaction moves nothing, the chance told today is the hazard that the visit has tomorrow."""
    world = DefaultWorld(
        num_users=600, num_items=150, num_days=8, burn_in_days=1, satisfaction_effect=0.0, changes=changes
    )
    run, policy, checked = Run(world.mechanisms()), Listening(), 0
    while run.day < world.num_days:
        day = run.step(policy)
        assert day is not None
        for user, hazard in zip(day.visits.user.tolist(), day.visits.hazard.tolist(), strict=True):
            if (user, day.day) in policy.told:
                assert hazard == pytest.approx(policy.told[user, day.day], rel=1e-12)
                checked += 1
    assert checked > 300


@dataclass(frozen=True)
class Broken:
    name: str = "broken@3"

    def choose(self, requests: Requests) -> Slates:
        raise KeyError("no such embedding")


def test_what_a_policy_raises_names_it_and_the_day(requests_for):
    with pytest.raises(
        PolicyError, match="policy 'broken@3' on day 4 failed: KeyError: 'no such embedding'"
    ) as error:
        ask(Broken(), requests_for(2), None)
    assert isinstance(error.value.__cause__, KeyError), "where it happened is not lost"


def test_a_policy_that_may_not_see_the_truth_is_asked_without(requests_for):
    requests = requests_for(5)
    plain = behavior_policy(epsilon=0.3)
    assert np.array_equal(ask(plain, requests, None).position, plain.choose(requests).position)
