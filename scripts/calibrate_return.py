"""Do the users of the default world come back like people do? Table, plot and fit.

    python scripts/calibrate_return.py --panel ../shared/data/kwai2018_activity  # table and plot
    python scripts/calibrate_return.py --fit                                     # fit two parameters again

The panel is a Parquet file, or a folder with one, with columns user_id, day_id and n_all (0: not active).
Without it the published hazard is shown alone.

The fit moves return_level and gap_effect until the hazards of the first eight days agree in least squares.
frailty_sd stays: the curve does not tell it from the gap effect, what tells them apart is whether there are
regulars (docs/world.md). Every try runs the whole world under the same luck.
"""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass, replace
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from scipy.optimize import minimize

from holdfast.core.arrays import Floats, Ints
from holdfast.core.files import whole_file
from holdfast.simulation.calibration import PANEL_HAZARD, activity_slopes, constant_hazard, return_hazard
from holdfast.simulation.loop import days_of
from holdfast.simulation.world import DefaultWorld

# The panel is a cohort by first visit; its first week is still filling up.
FIRST_PANEL_DAY = 8
GAPS = np.arange(1, len(PANEL_HAZARD) + 1)


@dataclass(frozen=True)
class Activity:
    """Active user-days and how active they were."""

    user: Ints
    day: Ints
    amount: Floats
    end_day: int

    def hazard(self) -> tuple[Floats, Ints]:
        return return_hazard(self.user, self.day, end_day=self.end_day, longest_gap=len(PANEL_HAZARD))


def world_activity(world: DefaultWorld, *, threads: int) -> Activity:
    parts = world.mechanisms()
    users, days, amounts = [], [], []
    for day in days_of(parts, world.behavior_on(0), threads=threads):
        requests = np.bincount(day.requests.user, minlength=world.num_users)[day.visits.user]
        users.append(day.visits.user)
        days.append(day.visits.day)
        amounts.append(world.slots * requests)
    return Activity(
        np.concatenate(users), np.concatenate(days), np.concatenate(amounts).astype(float), world.num_days
    )


def panel_activity(path: Path) -> Activity:
    file = next(iter(sorted(path.glob("*.parquet")))) if path.is_dir() else path
    panel = pd.read_parquet(file, columns=["user_id", "day_id", "n_all"])
    active = panel[(panel["n_all"] > 0) & (panel["day_id"] >= FIRST_PANEL_DAY)]
    return Activity(
        active["user_id"].to_numpy(),
        active["day_id"].to_numpy(),
        active["n_all"].to_numpy(dtype=np.float64),
        int(panel["day_id"].max()) + 1,
    )


def describe(name: str, activity: Activity) -> None:
    hazard, at_risk = activity.hazard()
    constant = constant_hazard(hazard, at_risk)
    slopes = activity_slopes(activity.user, activity.day, activity.amount, end_day=activity.end_day)
    print(
        f"{name}: one constant hazard would be {constant.hazard:.3f}, rejected with "
        f"G2 {constant.misfit:,.0f} on {len(hazard) - 1} degrees of freedom; not back after "
        f"{len(hazard)} days {np.prod(1 - hazard):.3f}, with the constant {constant.still_away:.3f}\n"
        f"{name}: slope of next-day return on log(1 + activity): pooled {slopes.pooled:.3f}, "
        f"within users {slopes.within:.3f}"
    )


def plot(path: Path, world: Activity) -> None:
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
    hazard, at_risk = world.hazard()
    constant = constant_hazard(hazard, at_risk).hazard
    published = np.asarray(PANEL_HAZARD)
    left.fill_between(GAPS, published - 0.03, published + 0.03, color="0.88", label="panel, within 0.03")
    left.plot(GAPS, published, "o", color="0.25", label="panel")
    left.plot(GAPS, hazard, "-", color="tab:red", label="world")
    left.axhline(constant, ls=":", color="tab:blue", label="constant hazard")
    left.set(xlabel="days since the last visit", ylabel="hazard of return", ylim=(0, 0.8))
    left.legend(frameon=False)
    for name, values, style in (
        ("panel", published, {"marker": "o", "ls": "", "color": "0.25"}),
        ("world", hazard, {"color": "tab:red"}),
        ("constant hazard", np.full(len(GAPS), constant), {"ls": ":", "color": "tab:blue"}),
    ):
        right.plot(GAPS, np.cumprod(1 - values), label=name, **style)
    right.set(xlabel="days since the last visit", ylabel="share not back yet", yscale="log")
    figure.suptitle("Return of the default world beside 9,644 users of a short-video app", fontsize=10)
    with whole_file(path) as temporary:
        figure.savefig(temporary, format="png", dpi=80)


def fit(world: DefaultWorld, *, threads: int) -> None:
    def loss(values: Floats) -> float:
        level, gap = float(values[0]), max(float(values[1]), 0.0)
        found, _ = world_activity(
            replace(world, return_level=level, gap_effect=gap), threads=threads
        ).hazard()
        return float(((found - np.asarray(PANEL_HAZARD)) ** 2).sum())

    start = np.array([world.return_level, world.gap_effect])
    simplex = start + np.array([[0.0, 0.0], [0.15, 0.0], [0.0, 0.3]])
    options = {"maxfev": 40, "xatol": 0.01, "fatol": 1e-6, "initial_simplex": simplex}
    best = minimize(loss, start, method="Nelder-Mead", options=options)
    print(
        f"fit at frailty_sd {world.frailty_sd}: return_level {best.x[0]:.2f}, gap_effect {best.x[1]:.2f}, "
        f"root mean square {np.sqrt(best.fun / len(GAPS)):.4f} after {best.nfev} runs; the defaults "
        f"({start[0]}, {start[1]}) have {np.sqrt(loss(start) / len(GAPS)):.4f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--users", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    data = Path(os.environ.get("HOLDFAST_SHARED_DATA", "../shared/data"))
    parser.add_argument("--panel", type=Path, default=data / "kwai2018_activity")
    parser.add_argument("--plot", type=Path, default=Path("docs/images/return_hazard.png"))
    parser.add_argument("--fit", action="store_true")
    options = parser.parse_args()
    settings = DefaultWorld(num_users=options.users, seed=options.seed)
    world = world_activity(settings, threads=options.threads)
    panel = panel_activity(options.panel) if options.panel.exists() else None
    found, at_risk = world.hazard()
    table = {"days since last visit": GAPS, "published": PANEL_HAZARD}
    if panel is not None:
        table["panel"] = panel.hazard()[0]
    frame = pd.DataFrame({**table, "world": found, "at risk": at_risk})
    frame["world - published"] = frame["world"] - frame["published"]
    print(frame.round(3).to_string(index=False))
    print(f"largest difference {frame['world - published'].abs().max():.3f} (bar: 0.03)")
    if panel is not None:
        describe("panel", panel)
    describe("world", world)
    plot(options.plot, world)
    print(f"wrote {options.plot}")
    if options.fit:
        fit(settings, threads=options.threads)


if __name__ == "__main__":
    main()
