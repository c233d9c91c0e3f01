from __future__ import annotations

import pickle
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from holdfast.simulation.closed_loop import morning_after
from holdfast.simulation.morning_file import read_morning, write_morning
from holdfast.simulation.state import State
from holdfast.simulation.world import DefaultWorld

WORLD = DefaultWorld(num_users=60, num_items=80, num_days=6, burn_in_days=2)


def test_a_morning_comes_back_to_the_last_bit(tmp_path: Path):
    publication = WORLD.publication(WORLD.mechanisms(), WORLD.behavior_on(0))
    early = morning_after(publication, WORLD.behavior_on, day=3)
    late = morning_after(publication, WORLD.behavior_on, day=5)
    write_morning(tmp_path / "m.npz", early, beside={"note": np.arange(3)})
    found, beside = read_morning(tmp_path / "m.npz", late.logged)
    assert (found.day, found.num_requests) == (early.day, early.num_requests)
    for each in fields(State):
        one, other = getattr(found.state, each.name), getattr(early.state, each.name)
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(found.yesterday, early.yesterday)
    assert pickle.dumps(found.logged) == pickle.dumps(late.logged[:3]), "days of the future are left out"
    assert beside["note"].tolist() == [0, 1, 2]


def test_an_interrupted_write_leaves_the_morning_of_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    publication = WORLD.publication(WORLD.mechanisms(), WORLD.behavior_on(0))
    morning = morning_after(publication, WORLD.behavior_on, day=2)
    write_morning(tmp_path / "m.npz", morning, beside={})
    before = (tmp_path / "m.npz").read_bytes()

    def broken(*arguments: object, **named: object) -> None:
        raise OSError("no room")

    monkeypatch.setattr("holdfast.simulation.morning_file.np.savez", broken)
    with pytest.raises(OSError, match="no room"):
        write_morning(tmp_path / "m.npz", morning, beside={})
    assert (tmp_path / "m.npz").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["m.npz"]
