from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from holdfast.data.readers.parquet import ParquetLog
from holdfast.simulation.policies.behavior import behavior_policy
from holdfast.simulation.policy import Requests, Slates
from holdfast.simulation.truth import read_truth
from holdfast.simulation.world import DefaultWorld

WORLD = DefaultWorld(num_users=150, num_items=150, num_days=5, burn_in_days=3)


@pytest.mark.parametrize("threads", [1, 2])
def test_files_hold_what_memory_holds(tmp_path: Path, threads: int):
    rows = WORLD.write(tmp_path / "log", truth=tmp_path / "truth", threads=threads)
    expected = WORLD.simulate()
    log = ParquetLog(root=str(tmp_path / "log")).read()
    assert len(log) == rows
    assert log.fingerprint() == expected.log.fingerprint()
    truth = read_truth(tmp_path / "truth")
    for name in ("impressions", "requests", "visits"):
        assert getattr(truth, name).equals(getattr(expected.truth, name)), name
    assert np.array_equal(truth.candidates, expected.truth.candidates)
    for part in ("users", "items"):
        one, two = getattr(truth, part), getattr(expected.truth, part)
        assert all(np.array_equal(getattr(one, each.name), getattr(two, each.name)) for each in fields(one))


def test_a_shard_is_a_day_and_nothing_else_lies_there(tmp_path: Path):
    WORLD.write(tmp_path / "log")
    names = sorted(path.name for path in (tmp_path / "log").iterdir())
    assert names == ["card.yaml", *(f"day_{day:05d}.parquet" for day in range(5)), "observed.json"]
    assert [path.name for path in tmp_path.iterdir()] == ["log"], "no truth unless asked for, no leftovers"


def test_the_truth_stays_apart_from_the_log(tmp_path: Path):
    for truth in (tmp_path / "log", tmp_path / "log" / "truth", tmp_path):
        with pytest.raises(ValueError, match="keep them apart: no model may find the truth"):
            WORLD.write(tmp_path / "log", truth=truth)
    assert not (tmp_path / "log").exists()


class FailsOnDayThree:
    name = "fragile@2"

    def choose(self, requests: Requests) -> Slates:
        good = behavior_policy(epsilon=0.2).choose(requests)
        if requests.day < 3:
            return good
        return replace(good, propensity=np.full_like(good.propensity, np.nan))


def test_a_log_that_a_policy_cut_short_is_whole(tmp_path: Path):
    with pytest.raises(ValueError, match=r"policy 'fragile@2' on day 3: .* values of propensity are NaN"):
        WORLD.write(tmp_path / "log", FailsOnDayThree())
    log = ParquetLog(root=str(tmp_path / "log")).read()
    assert str(log.observed_until) == "2025-01-09 00:00:00+00:00"
    assert len(np.unique(log.local_days())) == 3
