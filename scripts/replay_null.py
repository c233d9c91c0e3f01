"""Are false alarms as rare as was asked for? Stable worlds, replayed many times.

Synthetic signals with season and autocorrelation, iid chunks of columns (beside limits of mean +- 3 sd),
outcomes of users who come in clusters (calibration, by slice, and labels that come late), and the default
world without changes. Prints the tables of docs/monitoring.md.

    python scripts/replay_null.py --replays 200 --worlds 40
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from holdfast.core.arrays import Bools, Floats, Ints
from holdfast.core.random import generator
from holdfast.data.log import local_days
from holdfast.monitoring.alarm_control import Control
from holdfast.monitoring.calibration import CalibrationWatch
from holdfast.monitoring.finding import Finding
from holdfast.monitoring.late_labels import (
    fit_completion,
    late_label_findings,
    late_label_history,
    late_label_table,
    late_labels,
)
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


@dataclass(frozen=True)
class Outcomes:
    """Rows with what was predicted and what came of them, none of which ever changes, ``[N]`` each.

    ``seconds`` are predicted of an opened row, ``dwell`` is known where clicked; ``returns`` is predicted
    of 7 days, and ``delay`` is in days, NaN for never.
    """

    day: Ints
    user: Ints
    predicted: Floats
    clicked: Floats
    seconds: Floats
    dwell: Floats
    returns: Floats
    delay: Floats
    slices: dict[str, np.ndarray]


def clustered_outcomes(number: int, *, num_users: int = 150) -> Outcomes:
    """150 users with luck of their own, a week of 10 %, and days that are good or bad by 5 %."""
    draw = generator(number, "stable outcomes")
    num_days = 2 * REFERENCE_DAYS
    week = 1.0 + 0.1 * np.sin(2.0 * np.pi * np.arange(num_days + 14) / 7.0)
    mood = week * np.exp(0.05 * draw.normal(size=week.size))
    rows = draw.poisson(3.0, size=(num_days, num_users)) * (draw.random((num_days, num_users)) < 0.5)
    pairs = np.argwhere(rows > 0)
    day, user = np.repeat(pairs, rows[rows > 0], axis=0).T
    luck, patience = draw.gamma(4.0, 0.25, num_users), draw.gamma(4.0, 0.25, num_users)
    predicted = draw.beta(2.0, 14.0, day.size)
    clicked = (draw.random(day.size) < np.minimum(predicted * luck[user] * mood[day], 1.0)).astype(float)
    seconds = draw.gamma(4.0, 10.0, day.size)
    dwell = seconds * patience[user] * mood[day] * draw.gamma(2.0, 0.5, day.size)
    # A visit of a user's day comes back, or not, as one.
    hazard, delay_of = 0.15 * draw.gamma(4.0, 0.25, num_users), np.full((num_days, num_users), np.nan)
    for after in range(14, 0, -1):
        back = draw.random((num_days, num_users)) < hazard * mood[np.arange(num_days) + after - 1][:, None]
        delay_of[back] = after
    returned = 1.0 - np.mean((1.0 - 0.15 * draw.gamma(4.0, 0.25, 100_000)) ** 7)
    market = np.array(["north", "south", "east"])[np.arange(num_users) % 3]
    returns = np.full(day.size, returned)
    delay = delay_of[day, user]
    return Outcomes(day, user, predicted, clicked, seconds, dwell, returns, delay, {"market": market[user]})


def world_outcomes(name: str, number: int, *, num_users: int) -> Outcomes:
    """A stable world with a model that knows market, device and hour from the reference alone."""
    _, settings = WORLDS[name]
    log = DefaultWorld(num_users=num_users, num_days=2 * REFERENCE_DAYS, seed=number, **settings).read()
    frame, day = log.frame, local_days(log.frame["shown_at"], log.card.time_zone)
    first, day = day.min(), day - day.min()
    past = day < REFERENCE_DAYS
    clicked = frame["click"].to_numpy(dtype=float)
    dwell = frame["dwell_seconds"].to_numpy(dtype=float)
    back = frame["next_visit_at"]
    delay = np.full(len(frame), np.nan)
    seen = back.notna().to_numpy()
    delay[seen] = local_days(back[seen], log.card.time_zone) - (day + first)[seen]
    cells = frame["market"].astype("string").fillna("") + "/" + frame["device"].astype("string").fillna("")

    def learned(values: Floats, known: Bools) -> Floats:
        means = pd.Series(values[past & known]).groupby(cells[past & known].to_numpy()).mean()
        return cells.map(means).fillna(values[past & known].mean()).to_numpy(dtype=float)

    within = (delay <= 7).astype(float)
    return Outcomes(
        day,
        pd.factorize(frame["user_id"])[0].astype(np.int64),
        learned(clicked, np.ones(len(frame), dtype=bool)),
        clicked,
        learned(np.nan_to_num(dwell), (clicked == 1.0) & ~np.isnan(dwell)),
        dwell,
        learned(within, day < REFERENCE_DAYS - 7),
        delay,
        {"market": frame["market"].astype(str).to_numpy()},
    )


def calibration_p_values(outcomes: Outcomes, number: int, *, sliced: bool) -> tuple[Floats, Floats]:
    """P-values of the days after the reference: of counted rows, and of windows."""
    findings = []
    for head, predicted, observed, known in (
        ("click", outcomes.predicted, outcomes.clicked, np.ones(outcomes.day.size, dtype=bool)),
        ("dwell", outcomes.seconds, outcomes.dwell, (outcomes.clicked == 1.0) & ~np.isnan(outcomes.dwell)),
    ):
        watch = CalibrationWatch(head=head, outcome="amount" if head == "dwell" else "share", null_draws=0)
        table = watch.table(
            predicted,
            observed,
            users=outcomes.user,
            days=outcomes.day,
            known=known,
            slices=outcomes.slices if sliced else None,
        )
        findings += watch.findings(table[table["n"] > 0])
    return _apart(findings, number)


def late_p_values(outcomes: Outcomes, number: int) -> tuple[Floats, Floats]:
    """P-values of the young days of one reading at the end: of counted rows, and of windows."""
    past = outcomes.day < REFERENCE_DAYS
    history = late_labels(outcomes.day[past], outcomes.delay[past], as_of_day=REFERENCE_DAYS, horizon_days=7)
    completion = fit_completion(history)
    before = late_label_history(
        history,
        outcomes.returns[past],
        users=outcomes.user[past],
        completion=completion,
        head="return",
    )
    null = fit_finding_null(before, rehearsals=50, seed=number)
    end = 2 * REFERENCE_DAYS
    young = outcomes.day >= end - 7
    labels = late_labels(outcomes.day[young], outcomes.delay[young], as_of_day=end, horizon_days=7)
    found = late_label_findings(
        late_label_table(labels, outcomes.returns[young], users=outcomes.user[young], completion=completion),
        head="return",
    )
    judged = [each for each in found if each.start is not None]
    # Each young day is a signal of its own age; as one signal of six windows.
    rows, windows = (
        [replace(each, where="return") for each in part] for part in (judged, null.calibrated(judged))
    )
    return p_value_matrix(rows), p_value_matrix(windows)


def _apart(findings: list[Finding], number: int) -> tuple[Floats, Floats]:
    """Findings of the past make the null of those that follow."""
    border = pd.Timestamp(REFERENCE_DAYS, unit="D", tz="UTC")
    past = [each for each in findings if each.start is not None and each.start < border]
    future = [each for each in findings if each.start is not None and each.start >= border]
    null = fit_finding_null(past, rehearsals=50, seed=number)
    return p_value_matrix(future), p_value_matrix(null.calibrated(future))


def outcome_tables(chosen: argparse.Namespace) -> list[pd.DataFrame]:
    """Realised rates of alarms on outcomes."""
    sources = {"clustered users": (lambda number: clustered_outcomes(number), chosen.outcomes)}
    for name in WORLDS:
        sources[name] = (
            lambda number, n=name: world_outcomes(n, number, num_users=chosen.users),
            chosen.worlds,
        )
    tables = []
    for source, (make, number) in sources.items():
        drawn = [make(each) for each in range(number)] if number > 1 else []
        kinds = {
            "calibration": [calibration_p_values(each, n, sliced=False) for n, each in enumerate(drawn)],
            "calibration by slice": [
                calibration_p_values(each, n, sliced=True) for n, each in enumerate(drawn)
            ],
            "late labels": [late_p_values(each, n) for n, each in enumerate(drawn)],
        }
        for kind, both in kinds.items() if drawn else ():
            for place, rule in enumerate(("rows", "windows")):
                table = null_replay(
                    lambda n, b=both, p=place: b[n][p],
                    num_replays=number,
                    rates=[chosen.rate],
                    controls=CONTROLS,
                )
                tables.append(table.assign(setting=f"{kind}, {source}", p_values=rule))
    return tables


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--replays", type=int, default=100, help="of each synthetic setting; 0 for none")
    parser.add_argument("--outcomes", type=int, default=60, help="of outcomes of clustered users; 0 for none")
    parser.add_argument("--worlds", type=int, default=20, help="of the default world; 0 for none")
    parser.add_argument("--users", type=int, default=400, help="of each world")
    parser.add_argument("--rate", type=float, default=0.05)
    chosen = parser.parse_args()
    began = time.process_time()
    tables = []
    for name, signals in SYNTHETIC.items() if chosen.replays else ():
        for rule, replay in {"windows": calibrated, "mean +- 3 sd": three_sigma}.items():
            controls = CONTROLS if rule == "windows" else ("none", "holm")
            table = null_replay(
                lambda number, s=signals, r=replay: r(s, number),
                num_replays=chosen.replays,
                rates=[chosen.rate],
                controls=controls,
            )
            tables.append(table.assign(setting=name, p_values=rule))
    tables += outcome_tables(chosen)
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
