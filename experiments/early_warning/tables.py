"""The tables of the study, as they stand in the README."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scenarios import RAMPS, SCHEDULES, STABLE
from scores import (
    ALARM,
    RULES,
    TRIGGER,
    Mean,
    delay,
    drifts,
    false_nights,
    lead,
    told_share,
)


def all_tables(table: pd.DataFrame) -> str:
    """What the README shows."""
    seeds = table["seed"].nunique()
    changed = drifts(table, ALARM)
    harmful = int(changed["fall"].notna().sum())
    return "\n\n".join(
        [
            "![How early the alarm comes, and at what price](results/early_warning.png)",
            f"{seeds} worlds, {len(changed)} changed twins; in {harmful} of them the value falls. Means, "
            "95 % over worlds; ≥ and ≤ where some alarms never came.",
            "**Rules.** Beside any alarm, the first one that the stable twin does not tell on that night: "
            "its own.",
            rules_table(table),
            "**Scenarios.** The monitor with labels; alarms and triggers of its own. `told` of how many "
            "worlds.",
            scenario_table(table),
            "**By kind of change and by speed.** As above; false alarms are those of the stable twins, and "
            "the same everywhere. The same for every scenario is in `results/by_scenario.md`.",
            group_tables(table),
        ]
    )


def rules_table(table: pd.DataFrame) -> str:
    """All rules beside each other: false alarms, misses, delay, lead."""
    head = [
        "rule",
        "false alarms in 28 stable nights",
        "any alarm: missed",
        "delay, days",
        "lead, days",
        "own alarm: missed",
        "delay, days",
        "lead, days",
        "own, harmless changes",
    ]
    rows = []
    for rule in RULES:
        harmful, harmless = drifts(table, rule, harmful=True), drifts(table, rule, harmful=False)
        cells = [rule, said(false_nights(table, rule))]
        for first in ("first", "first_own"):
            told, number = told_share(harmful, first)
            cells += [f"{number - told} of {number}", *_late_and_early(harmful, first)]
        told, number = told_share(harmless)
        rows.append([*cells, f"{told} of {number}"])
    return markdown(head, rows)


def scenario_table(table: pd.DataFrame) -> str:
    """Each change and speed: what it does to the value, and when the monitor speaks."""
    head = ["change", "kind", "gain kept", "skill kept", "falls in", "fall, days after onset"]
    head += ["alarm: told", "delay", "lead", "trigger: told", "delay", "lead"]
    rows = []
    for schedule, ramp in scenarios_of(table):
        mine = {rule: _of(drifts(table, rule), schedule, ramp) for rule in (ALARM, TRIGGER)}
        first = mine[ALARM]
        fallen = first[first["fall"].notna()]
        after = f"{(fallen['fall'] - fallen['onset']).mean():.1f}" if len(fallen) else ""
        cells = [name_of(schedule, ramp), SCHEDULES[schedule].kind]
        cells += [f"{first[each].mean():.2f}" for each in ("gain_kept", "skill_kept")]
        cells += [f"{len(fallen)} of {len(first)}", after]
        for each in mine.values():
            told, number = told_share(each)
            cells += [f"{told} of {number}", said(delay(each), at="≥"), said(lead(each), at="≤")]
        rows.append(cells)
    return markdown(head, rows)


def group_tables(table: pd.DataFrame) -> str:
    """All rules for each kind of change, and for each speed."""
    kinds = dict.fromkeys(schedule.kind for schedule in SCHEDULES.values())
    parts = []
    for column, value in [*(("kind", kind) for kind in kinds), *(("ramp", ramp) for ramp in RAMPS)]:
        mine = _only(table, **{column: value})
        if len(drifts(mine, ALARM)):
            parts.append(f"*{value}*\n\n{rules_table(mine)}")
    return "\n\n".join(parts)


def every_scenario(table: pd.DataFrame) -> str:
    """All rules for each change at each speed, as a page of its own."""
    parts = [
        f"## {name_of(schedule, ramp)}\n\n{rules_table(_only(table, schedule=schedule, ramp=ramp))}"
        for schedule, ramp in scenarios_of(table)
    ]
    return "\n\n".join(["# Every scenario", *parts]) + "\n"


def _only(table: pd.DataFrame, **wanted: str) -> pd.DataFrame:
    """Some changed twins, and all stable ones."""
    mine = table["schedule"] == STABLE
    here = ~mine
    for column, value in wanted.items():
        here &= table[column] == value
    return table[mine | here]


def scenarios_of(table: pd.DataFrame) -> list[tuple[str, str]]:
    """Changes and speeds of a table, in the order of the study."""
    there = set(zip(table["schedule"], table["ramp"].fillna(""), strict=True))
    return [(name, ramp) for name in SCHEDULES for ramp in RAMPS if (name, ramp) in there]


def _of(rows: pd.DataFrame, schedule: str, ramp: str) -> pd.DataFrame:
    return rows[(rows["schedule"] == schedule) & (rows["ramp"] == ramp)]


def _late_and_early(rows: pd.DataFrame, first: str) -> list[str]:
    if len(rows) and rows[first].isna().all():
        return ["never", "never"]
    return [said(delay(rows, first), at="≥"), said(lead(rows, first), at="≤")]


def said(found: Mean, *, at: str = "") -> str:
    """A mean with its interval; empty without rows, marked where some alarms never came."""
    if not found.number:
        return ""
    if found.censored == found.number:
        return "never"
    text = f"{at if found.censored else ''} {found.value:.1f}".strip()
    return text if np.isnan(found.low) else f"{text} [{found.low:.1f}, {found.high:.1f}]"


def name_of(schedule: str, ramp: str) -> str:
    """For people."""
    return f"{schedule.replace('_', ' ')}, {ramp}"


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(each) + " |" for each in lines)
