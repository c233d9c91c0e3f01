"""Are false alarms as rare as was asked for? Stable worlds, replayed many times.

Synthetic signals with season and autocorrelation, iid chunks of columns (beside limits of mean +- 3 sd), and
the default world without changes. Prints the table of docs/monitoring.md.

    python scripts/replay_null.py --replays 200 --worlds 40
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import pandas as pd

from holdfast.core.arrays import Floats
from holdfast.data.log import local_days
from holdfast.monitoring.alarm_control import Control
from holdfast.monitoring.null_replay import StableSignals, findings_by_day, null_replay, p_value_matrix
from holdfast.monitoring.reference import Reference
from holdfast.monitoring.window_calibration import fit_finding_null
from holdfast.monitoring.window_null import fit_window_null
from holdfast.simulation.world import DefaultWorld

REFERENCE_DAYS = 28
CONTROLS: tuple[Control, ...] = ("none", "bh", "holm", "sequential")
SYNTHETIC = {
    "independent": StableSignals(),
    "season": StableSignals(season=2.0),
    "memory 0.5, season": StableSignals(memory=0.5, season=2.0),
    "memory 0.8, season": StableSignals(memory=0.8, season=2.0),
    "memory 0.5, season, half in common": StableSignals(memory=0.5, season=2.0, shared=0.5),
}
USERS_AND_OUTCOMES = ["market", "device", "hour", "click", "dwell_seconds"]
ITEMS = ["topic", "content_length", "editor_score", "headline_score"]
WORLDS = {
    # The default catalogue turns over: what is shown of it does change, and no false-alarm rate can be read
    # from it.
    "default world, users and outcomes": (USERS_AND_OUTCOMES, {"num_items": 600}),
    "large, young catalogue, all columns": (
        USERS_AND_OUTCOMES + ITEMS,
        {"num_items": 20_000, "half_life_days": 7.0},
    ),
}


def calibrated(signals: StableSignals, number: int) -> Floats:
    """P-values of the windows after the reference."""
    values = signals.draw(number)
    weekday = np.arange(len(values)) % 7 if signals.season else None
    past, future = slice(0, REFERENCE_DAYS), slice(REFERENCE_DAYS, None)
    null = fit_window_null(
        values[past], season=None if weekday is None else weekday[past], rehearsals=50, seed=number
    )
    return null.p_values(values[future], season=None if weekday is None else weekday[future])


def three_sigma(signals: StableSignals, number: int) -> Floats:
    """0 outside mean +- 3 sd of the reference's windows, else 1: the rule of several tools."""
    values = signals.draw(number)
    past, future = values[:REFERENCE_DAYS], values[REFERENCE_DAYS:]
    return np.where(np.abs(future - past.mean(axis=0)) > 3.0 * past.std(axis=0), 0.0, 1.0)


def world_p_values(name: str, number: int, *, num_users: int) -> tuple[Floats, Floats]:
    """P-values of a stable world's days after the reference: of counted rows, and calibrated on windows."""
    columns, settings = WORLDS[name]
    log = DefaultWorld(num_users=num_users, num_days=2 * REFERENCE_DAYS, seed=number, **settings).read()
    days = local_days(log.frame["shown_at"], log.card.time_zone)
    frame = log.frame[columns]
    is_past = days < days.min() + REFERENCE_DAYS
    reference = Reference.from_frame(frame[is_past], categorical=["hour"])
    past = findings_by_day(frame[is_past], reference=reference, days=days[is_past])
    future = findings_by_day(frame[~is_past], reference=reference, days=days[~is_past])
    null = fit_finding_null(past, rehearsals=50, seed=number)
    return p_value_matrix(future), p_value_matrix(null.calibrated(future))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--replays", type=int, default=100, help="of each synthetic setting")
    parser.add_argument("--worlds", type=int, default=20, help="of the default world; 0 for none")
    parser.add_argument("--users", type=int, default=400, help="of each world")
    parser.add_argument("--rate", type=float, default=0.05)
    chosen = parser.parse_args()
    began = time.process_time()
    tables = []
    for name, signals in SYNTHETIC.items():
        for rule, replay in {"windows": calibrated, "mean +- 3 sd": three_sigma}.items():
            controls = CONTROLS if rule == "windows" else ("none", "holm")
            table = null_replay(
                lambda number, s=signals, r=replay: r(s, number),
                num_replays=chosen.replays,
                rates=[chosen.rate],
                controls=controls,
            )
            tables.append(table.assign(setting=name, p_values=rule))
    for name in WORLDS if chosen.worlds else ():
        both = [world_p_values(name, number, num_users=chosen.users) for number in range(chosen.worlds)]
        for place, rule in enumerate(("rows", "windows")):
            table = null_replay(
                lambda number, b=both, p=place: b[number][p],
                num_replays=chosen.worlds,
                rates=[chosen.rate],
                controls=CONTROLS,
            )
            tables.append(table.assign(setting=name, p_values=rule))
    whole = pd.concat(tables, ignore_index=True)
    first = ["setting", "p_values"]
    whole = whole[[*first, *(name for name in whole if name not in first)]]
    print(whole.to_string(index=False, float_format="%.3f"))
    print(f"{time.process_time() - began:.0f} CPU s")


if __name__ == "__main__":
    main()
