"""The default world does not change unnoticed: studies were made in it; see docs/decisions/0010."""

from __future__ import annotations

import hashlib
from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest

from holdfast.simulation.changes.collection import changes_as_written
from holdfast.simulation.world import DefaultWorld, Simulation

# Another major version of NumPy may draw other numbers from the same seeds.
pytestmark = pytest.mark.skipif(
    np.lib.NumpyVersion(np.__version__) >= "3.0.0", reason="the world was frozen with NumPy 2"
)

SMALL = DefaultWorld(num_users=240, num_items=180, num_days=8, burn_in_days=5)

ROWS = 6_630
FROZEN = {
    "users": "83d87eb0b449f762",
    "items": "a222cd5739609f61",
    "log": "bf0cdbafac957e02",
    "visits": "02d0c60ca6b783ec",
}


def fingerprint(table: pd.DataFrame) -> str:
    """A hash of whole numbers: texts and flags as they are, numbers to four digits after the point.

    So it does not depend on the last bits, which differ from one machine to another.
    """
    parts = []
    for name in sorted(table.columns):
        column = table[name]
        if isinstance(column.dtype, pd.DatetimeTZDtype):
            # to the hundredth of a second
            values = (column.dt.as_unit("us").astype("int64") // 10_000).where(column.notna(), -1)
        elif pd.api.types.is_float_dtype(column):
            values = (column * 1e4).round().fillna(-(10.0**9)).astype(np.int64)
        else:
            values = column.astype("string").fillna("")
        text = "\n".join([name, *values.astype(str)])
        parts.append(hashlib.sha256(text.encode()).hexdigest())
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def tables(simulation: Simulation) -> dict[str, pd.DataFrame]:
    truth = simulation.truth
    users = {"interest": truth.users.interest.sum(axis=1), **asdict(truth.users)}
    items = {"mix": truth.items.mix.max(axis=1), **asdict(truth.items)}
    flat = [{name: each for name, each in kind.items() if each.ndim == 1} for kind in (users, items)]
    log = simulation.log.frame.assign(
        **{
            name: simulation.log.frame[name].map(lambda cell: None if cell is None else "|".join(cell))
            for name in ("user_interest_tags", "recent_topics")
        }
    )
    return {
        "users": pd.DataFrame(flat[0]),
        "items": pd.DataFrame(flat[1]),
        "log": log,
        "visits": truth.visits,
    }


def test_the_parameters_are_those_that_were_calibrated():
    """Return to a panel, clicks and dwell to plausible marginals; what was looked at is in the record."""
    world = asdict(DefaultWorld())
    sizes = (
        "num_users",
        "num_items",
        "num_days",
        "later_days",
        "seed",
        "start",
        "time_zone",
        "log_candidates",
    )
    assert {name: value for name, value in world.items() if name not in sizes} == {
        "num_topics": 12,
        "slots": 6,
        "candidates": 20,
        "exploration": 0.2,
        "burn_in_days": 28,
        "established_share": 0.8,
        "half_life_days": 21.0,
        "missing_share": 0.1,
        "click_level": -2.3,
        "examination_decay": 0.35,
        "clickbait_appeal": 0.6,
        "clickbait_cost": 0.5,
        "return_level": -1.1,
        "frailty_sd": 2.1,
        "gap_effect": 1.8,
        "satisfaction_effect": 2.0,
        "season_effect": 0.15,
        "satisfaction_memory": 0.2,
        "fatigue_kept": 0.6,
        "interest_drift": 0.05,
        "changes": changes_as_written(),
    }
    assert all(settings["strength"] == 0.0 for settings in changes_as_written().values())


def test_a_small_world_is_what_it_was():
    simulation = SMALL.simulate()
    found = {name: fingerprint(table) for name, table in tables(simulation).items()}
    assert found == FROZEN, (
        "the default world has changed. If it was meant to, every figure that was measured in it has to be "
        "measured again: see docs/decisions/0010-the-world-is-frozen.md, then set FROZEN to what was found"
    )
    assert len(simulation.log) == ROWS


def test_the_fingerprint_sees_changes_and_not_last_bits():
    table = pd.DataFrame({"x": [1.23456, np.nan], "n": [1, 2], "t": ["a", None]})
    same = table.assign(x=table["x"] * (1 + 1e-12))
    assert fingerprint(same) == fingerprint(table[["t", "x", "n"]])
    for changed in (
        table.assign(x=[1.2351, np.nan]),
        table.assign(x=[1.23456, 0.0]),
        table.assign(n=[1, 3]),
        table.assign(t=["a", "b"]),
        table.rename(columns={"n": "m"}),
    ):
        assert fingerprint(changed) != fingerprint(table)
