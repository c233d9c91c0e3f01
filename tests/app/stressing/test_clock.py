"""What a suite cost: everything is counted, and what is counted apart is taken off once."""

from __future__ import annotations

import pytest

from holdfast.app.stressing import clock
from holdfast.app.stressing.sayings import cost_words

SPENT = {"forward": 10.0, "encoding": 1.0, "worlds": 4.0, "strength": 2.0}


@pytest.fixture
def late(monkeypatch):
    """A clock that was started 18 seconds ago."""
    moments = iter([100.0, 118.0])
    monkeypatch.setattr(clock.time, "perf_counter", lambda: next(moments))
    return clock.Clock()


def test_worlds_and_strength_are_told_apart_and_the_rest_is_in_all(late):
    cost = late.cost(SPENT, scenarios=5, scenarios_there_already=0)
    assert (cost["everything_seconds"], cost["total_seconds"]) == (18.0, 12.0)
    assert cost["ratio"] == pytest.approx(1.2)
    assert cost["seconds_by_part"] == {"forward": 10.0, "encoding": 1.0}
    assert cost_words(cost) == (
        "5 scenarios: 10.0 s of forward passes, 12.0 s in all, 1.20 times that; with 4.0 s of running worlds "
        "again and 2.0 s of measuring how strong drifts came out 18.0 s"
    )


def test_a_suite_that_went_on_has_no_ratio(late):
    cost = late.cost(SPENT, scenarios=5, scenarios_there_already=3)
    assert cost["ratio"] is None
    assert "5 scenarios, 3 of them there already: 10.0 s of forward passes, 12.0 s in all;" in cost_words(
        cost
    )
