"""Which environment a row of the train window comes from."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from holdfast.core.errors import UserError
from holdfast.data.encoded import EncodedWindow
from holdfast.objectives.robustness.robustness import AcrossEnvironments
from holdfast.training.environments import environments_of, known_by_environment, mean_weights


@pytest.fixture
def window(toy: Any) -> EncodedWindow:
    day = np.repeat([19_723, 19_724, 19_731, 19_732], [10, 20, 30, 40])  # 2024-01-01 and after
    made: EncodedWindow = replace(toy.window(100, 0), day=day, policy=np.repeat([-1, 0, 1], [5, 45, 50]))
    return replace(made, policies=("explore", "greedy"))


def asked(environments: str, min_rows: int = 1) -> AcrossEnvironments:
    return AcrossEnvironments(environments=environments, min_rows=min_rows)


def test_days_weeks_and_policies(window: EncodedWindow, toy: Any) -> None:
    days = environments_of(asked("day"), window, toy.schema)
    assert days.by_name() == {"2024-01-01": 10, "2024-01-02": 20, "2024-01-09": 30, "2024-01-10": 40}
    assert (np.bincount(days.codes) == [10, 20, 30, 40]).all()
    weeks = environments_of(asked("week"), window, toy.schema)
    assert weeks.by_name() == {"week 0": 30, "week 1": 70}
    policies = environments_of(asked("policy"), window, toy.schema)
    assert policies.by_name() == {"unknown": 5, "explore": 45, "greedy": 50}


def test_values_of_a_categorical_input(window: EncodedWindow, toy: Any) -> None:
    devices = environments_of(asked("feature:device"), window, toy.schema)
    column = window.categorical[:, 1]
    assert devices.names[:3] == ("device missing", "device rare or unknown", "device in row 2")
    assert list(devices.rows) == [int((column == value).sum()) for value in range(5)]
    assert (devices.codes == column).all()


def test_small_environments_are_one(window: EncodedWindow, toy: Any) -> None:
    days = environments_of(asked("day", 25), window, toy.schema)
    assert days.by_name() == {"2024-01-09": 30, "2024-01-10": 40, "others": 30}
    assert (days.codes == np.repeat([2, 2, 0, 1], [10, 20, 30, 40])).all()
    # A single small one stays what it is: pooling would only take its name.
    assert environments_of(asked("day", 15), window, toy.schema).names[0] == "2024-01-01"


@pytest.mark.parametrize(
    ("environments", "min_rows", "told"),
    [
        ("feature:market", 1, "no categorical input 'market'.*'item', 'device'"),
        ("feature:age", 1, "no categorical input 'age'"),
        ("day", 50, "one environment only .others, after pooling 4 of fewer than min_rows=50"),
    ],
)
def test_what_cannot_be_had(
    window: EncodedWindow, toy: Any, environments: str, min_rows: int, told: str
) -> None:
    with pytest.raises(UserError, match=told):
        environments_of(asked(environments, min_rows), window, toy.schema)


def test_one_environment_too_many_and_no_policies(window: EncodedWindow, toy: Any) -> None:
    one = replace(window, day=np.full(100, 19_723))
    with pytest.raises(UserError, match=r"one environment only .2024-01-01.*robust/loss=none"):
        environments_of(asked("day"), one, toy.schema)
    with pytest.raises(UserError, match="does not say which policy"):
        environments_of(asked("policy"), replace(window, policies=()), toy.schema)
    long: EncodedWindow = replace(toy.window(300, 0), day=np.arange(300))
    with pytest.raises(UserError, match=r"300 environments.*at most 256"):
        environments_of(asked("day"), long, toy.schema)


def test_counts_and_weights(window: EncodedWindow, toy: Any) -> None:
    weeks = environments_of(asked("week"), window, toy.schema)
    known = known_by_environment(weeks, window)
    assert known.shape == (3, 2)
    assert known[0].tolist() == [30, 70]
    assert known[1].tolist() == [int(window.known[:30, 1].sum()), int(window.known[30:, 1].sum())]
    weights = np.ones((100, 3))
    weights[:30, 0] = 0.25
    weights[:30, 1] = 0.0  # nothing counts: any number does
    assert mean_weights(weeks, window, weights).tolist() == [[0.25, 1.0, 1.0], [1.0, 1.0, 1.0]]
