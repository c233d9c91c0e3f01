"""From what was told and what the ranking was worth to delay, misses, false alarms and lead time.

S seeds, R resamples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from habits import ALWAYS, NEVER, PERFORMANCE, STABILITY, UNCONTROLLED
from nightly import ALL, LABEL_FREE, Spoken
from scenarios import SCHEDULES, STABLE, Scenario
from worth import Worth, fall_day

from holdfast.core.arrays import Floats
from holdfast.core.random import generator

ALARM, FREE_ALARM = f"alarm, {ALL}", f"alarm, {LABEL_FREE}"
TRIGGER, FREE_TRIGGER = f"trigger, {ALL}", f"trigger, {LABEL_FREE}"
MONITOR = (ALARM, FREE_ALARM, TRIGGER, FREE_TRIGGER)
RULES = (*MONITOR, ALWAYS, NEVER, STABILITY, UNCONTROLLED, PERFORMANCE)
NUM_RESAMPLES, LEVEL = 2000, 0.95
STABLE_NIGHTS = 28


def worth_of(record: Mapping[str, Any]) -> Worth:
    """The worth in a record."""
    return Worth(**{name: np.array(values) for name, values in record["worth"].items()})


def spoken_of(record: Mapping[str, Any]) -> list[Spoken]:
    """What was told in a record."""
    return [Spoken(**each) for each in record["spoken"]]


def result_rows(
    seed: int, scenario: Scenario, record: Mapping[str, Any], stable: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """A row a rule: when it first spoke, when first of what the stable twin does not tell, and the fall.

    Args:
        seed: of the world.
        scenario: what happened in it.
        record: of the scenario.
        stable: of the seed's stable world.
    """
    told, twin_told = spoken_of(record), set(spoken_of(stable))
    worth, twin, onset = worth_of(record), worth_of(stable), int(record["onset"])
    shared = {"seed": seed, "schedule": scenario.schedule, "ramp": scenario.ramp}
    if scenario.schedule == STABLE:
        false = {rule: len({each.told for each in told if each.rule == rule}) for rule in RULES}
        days = len(twin.gained)
        return [{**shared, "nights": days, "rule": r, "false_nights": n} for r, n in false.items()]
    shared |= {
        "kind": SCHEDULES[scenario.schedule].kind,
        "nights": len(twin.gained),
        "onset": onset,
        "fall": fall_day(worth, twin, onset=onset, log_error=float(record["log_error"])),
        "gain_kept": worth.a_request(onset) / twin.a_request(onset),
        "skill_kept": worth.skill(onset) / twin.skill(onset),
    }
    rows = []
    for rule in RULES:
        nights = [each.told for each in told if each.rule == rule]
        own = [each.told for each in told if each.rule == rule and each not in twin_told]
        rows.append(
            {**shared, "rule": rule, "first": min(nights, default=None), "first_own": min(own, default=None)}
        )
    return rows


@dataclass(frozen=True)
class Mean:
    """A mean with a percentile interval over resampled seeds; NaN where there is none.

    Attributes:
        value: over all rows.
        low: lower end.
        high: upper end.
        censored: rows whose alarm never came: they count as if it had come the night after the last one, so
            that a mean delay is at least, and a mean lead at most, what is said.
        number: rows.
    """

    value: float
    low: float
    high: float
    censored: int
    number: int


def drifts(table: pd.DataFrame, rule: str, *, harmful: bool | None = None) -> pd.DataFrame:
    """One rule's rows of changed worlds; those whose value falls, those whose does not, or all."""
    rows = table[(table["rule"] == rule) & (table["schedule"] != STABLE)]
    return rows if harmful is None else rows[rows["fall"].notna() == harmful]


def delay(rows: pd.DataFrame, first: str = "first_own") -> Mean:
    """Nights from the onset to the first alarm; 0 is the onset's own night."""
    return over_seeds(rows, rows[first].fillna(rows["nights"]) - rows["onset"], rows[first].isna())


def lead(rows: pd.DataFrame, first: str = "first_own") -> Mean:
    """Days from the first alarm to the fall of the value, above 0 where it came before; of harmful rows."""
    rows = rows[rows["fall"].notna()]
    return over_seeds(rows, rows["fall"] - rows[first].fillna(rows["nights"]), rows[first].isna())


def false_nights(table: pd.DataFrame, rule: str) -> Mean:
    """Nights with an alarm, of 28 of a stable world."""
    rows = table[(table["rule"] == rule) & (table["schedule"] == STABLE)]
    values = rows["false_nights"] * STABLE_NIGHTS / rows["nights"]
    return over_seeds(rows, values, pd.Series(False, index=rows.index))


def told_share(rows: pd.DataFrame, first: str = "first_own") -> tuple[int, int]:
    """How many changed worlds a rule spoke in, of how many."""
    return int(rows[first].notna().sum()), len(rows)


def over_seeds(rows: pd.DataFrame, values: pd.Series, censored: pd.Series) -> Mean:
    """The mean of values whose seeds are resampled; no interval of fewer than two seeds."""
    if rows.empty:
        return Mean(np.nan, np.nan, np.nan, 0, 0)
    sums = values.groupby(rows["seed"]).agg(["sum", "count"]).to_numpy(dtype=np.float64)
    low, high = _interval(sums[:, 0], sums[:, 1])
    return Mean(float(values.mean()), low, high, int(censored.sum()), len(rows))


def _interval(sums: Floats, counts: Floats) -> Sequence[float]:
    number = len(sums)
    if number < 2:
        return np.nan, np.nan
    drawn = generator(0, "early warning", "seeds").integers(number, size=(NUM_RESAMPLES, number))
    means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    low, high = np.quantile(means, [(1.0 - LEVEL) / 2.0, (1.0 + LEVEL) / 2.0])
    return float(low), float(high)
