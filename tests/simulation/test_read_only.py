"""A policy can read the world and cannot change it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

import numpy as np
import pytest

from holdfast.simulation.policies.behavior import behavior_policy
from holdfast.simulation.policies.privileged import CandidateTruth
from holdfast.simulation.policy import PolicyError, Requests, Slates
from holdfast.simulation.read_only import read_only
from holdfast.simulation.world import DefaultWorld

WORLD = DefaultWorld(num_users=60, num_items=80, num_days=2, burn_in_days=1)
GOOD = behavior_policy(epsilon=0.3)


@dataclass(frozen=True)
class Writes:
    """Writes to what it is given, then chooses well."""

    write: Callable[[Requests], Any]
    name: str = "writes@1"

    def choose(self, requests: Requests) -> Slates:
        self.write(requests)
        return GOOD.choose(requests)


def fill(values: Any, value: Any) -> None:
    values[:] = value


@pytest.mark.parametrize(
    "write",
    [
        lambda requests: np.nan_to_num(requests.items.editor_score, copy=False),
        lambda requests: fill(requests.items.content_seconds, 1.0),
        lambda requests: fill(requests.users.declared, True),
        lambda requests: fill(requests.candidates, 10**6),
        lambda requests: requests.candidates.sort(axis=1),
        lambda requests: fill(requests.recent_topics, 0),
        lambda requests: fill(requests.user, 0),
        lambda requests: fill(requests.seconds, 0.0),
        lambda requests: fill(requests.shows, 0.0),
        lambda requests: fill(requests.clicks, 0.0),
    ],
)
def test_a_policy_that_writes_to_what_it_is_shown_is_named_and_changes_nothing(
    write: Callable[[Requests], Any],
):
    parts = WORLD.mechanisms()
    before = parts.observed_items.editor_score.copy()
    with pytest.raises(PolicyError, match=r"policy 'writes@1' on day -1 failed: ValueError: .*read-only"):
        WORLD.simulate(Writes(write))
    with pytest.raises(PolicyError, match=r"policy 'writes@1' on day 0 failed: ValueError: .*read-only"):
        WORLD.replay(Writes(write))
    with pytest.raises(PolicyError, match="read-only"):
        WORLD.value(Writes(write), 2, repeats=2)
    assert np.array_equal(parts.observed_items.editor_score, before, equal_nan=True)


def test_an_oracle_cannot_change_the_truth_either():
    @dataclass(frozen=True)
    class Oracle:
        name: str = "oracle@1"
        told: list[CandidateTruth] = field(default_factory=list)

        def choose(self, requests: Requests) -> Slates:
            raise AssertionError

        def choose_knowing(self, requests: Requests, truth: CandidateTruth) -> Slates:
            self.told.append(truth)
            return GOOD.choose(requests)

    oracle = Oracle()
    WORLD.simulate(oracle)
    arrays = [value for value in vars(oracle.told[0]).values() if isinstance(value, np.ndarray)]
    assert len(arrays) == 6
    assert not any(each.flags.writeable for each in arrays)


def test_views_share_memory_and_leave_the_original_writeable():
    @dataclass(frozen=True)
    class Inner:
        values: np.ndarray

    @dataclass(frozen=True)
    class Outer:
        inner: Inner
        values: np.ndarray
        number: int
        nothing: np.ndarray | None = None

    outer = Outer(Inner(np.zeros(3)), np.arange(3), 7)
    shown = read_only(outer)
    assert shown.number == 7
    assert shown.nothing is None
    for each in (outer, outer.inner):
        assert each.values.flags.writeable
    assert np.shares_memory(shown.values, outer.values)
    assert np.shares_memory(shown.inner.values, outer.inner.values)
    for locked in (shown.values, shown.inner.values):
        with pytest.raises(ValueError, match="read-only"):
            locked[0] = 1
    with pytest.raises(TypeError, match="not a dataclass"):
        read_only([1])


def test_nothing_in_the_requests_is_writeable():
    seen: list[Requests] = []
    WORLD.simulate(Writes(seen.append))

    def arrays(shown: Any) -> list[np.ndarray]:
        values = [getattr(shown, each.name) for each in fields(shown)]
        inner = [array for value in values if is_dataclass(value) for array in arrays(value)]
        return [value for value in values if isinstance(value, np.ndarray)] + inner

    found = arrays(seen[0])
    assert len(found) == 6 + 3 + 6
    assert not any(each.flags.writeable for each in found)
