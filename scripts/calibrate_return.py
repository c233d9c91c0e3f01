"""Hazard of return of the default world beside that of a real panel.

    python scripts/calibrate_return.py --users 10000 --panel ../shared/data/kwai2018_activity

The panel is a Parquet file, or a folder with one, with columns user_id, day_id and n_all (0: not active).
Without it the published figures are shown alone.
"""

from __future__ import annotations

import argparse
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from holdfast.core.arrays import Floats
from holdfast.simulation.calibration import PANEL_HAZARD, return_hazard
from holdfast.simulation.world import DefaultWorld

# The panel is a cohort by first visit; its first week is still filling up.
FIRST_PANEL_DAY = 8


def world_hazard(world: DefaultWorld) -> Floats:
    log = world.read()
    day = log.local_days()
    return return_hazard(
        log.frame["user_id"].to_numpy(),
        day,
        end_day=int(day.min()) + world.num_days,
        longest_gap=len(PANEL_HAZARD),
    )[0]


def panel_hazard(path: Path) -> Floats:
    file = next(iter(sorted(path.glob("*.parquet")))) if path.is_dir() else path
    panel = pd.read_parquet(file)
    active = panel[(panel["n_all"] > 0) & (panel["day_id"] >= FIRST_PANEL_DAY)]
    return return_hazard(
        active["user_id"].to_numpy(),
        active["day_id"].to_numpy(),
        end_day=int(panel["day_id"].max()) + 1,
        longest_gap=len(PANEL_HAZARD),
    )[0]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--users", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    data = Path(os.environ.get("HOLDFAST_SHARED_DATA", "../shared/data"))
    parser.add_argument("--panel", type=Path, default=data / "kwai2018_activity")
    arguments = parser.parse_args()
    world = world_hazard(replace(DefaultWorld(), num_users=arguments.users, seed=arguments.seed))
    table = {
        "days since last visit": np.arange(1, len(PANEL_HAZARD) + 1),
        "published": PANEL_HAZARD,
        "world": world,
    }
    if arguments.panel.exists():
        table["panel"] = panel_hazard(arguments.panel)
    frame = pd.DataFrame(table)
    frame["world - published"] = frame["world"] - frame["published"]
    print(frame.round(3).to_string(index=False))


if __name__ == "__main__":
    main()
