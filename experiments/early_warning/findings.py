"""What the study's page says in words: all of it comes from the results."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd
from habits import PERFORMANCE, STABILITY, UNCONTROLLED
from scenarios import SCHEDULES
from scores import (
    ALARM,
    FREE_ALARM,
    FREE_TRIGGER,
    STABLE_NIGHTS,
    TRIGGER,
    delay,
    drifts,
    false_nights,
    lead,
    told_share,
)
from tables import said, scenarios_of

HABITS = (STABILITY, UNCONTROLLED, PERFORMANCE)


def answer(table: pd.DataFrame) -> str:
    """The answer to the study's question."""
    return "\n".join(f"- {each}" for each in _answer(table))


def _answer(table: pd.DataFrame) -> Iterator[str]:
    fallen, all_of = drifts(table, ALARM, harmful=True), drifts(table, ALARM)
    falls = fallen.groupby("schedule").size()
    kind = [f"{name.replace('_', ' ')} ({falls.get(name, 0)})" for name, _ in _schedules(table)]
    yield f"**Falls.** The value falls in {len(fallen)} of {len(all_of)} changed twins: {', '.join(kind)}."
    if fallen.empty:
        yield "No value fell: there is no lead time to tell."
    else:
        yield _when(table, ALARM, "own alarm")
        yield _when(table, TRIGGER, "own trigger")
        yield _without_labels(table)
        yield _missed(table)
    yield _price(table)
    yield _harmless(table)
    if len(fallen):
        yield _habits(table)


def _schedules(table: pd.DataFrame) -> Iterator[tuple[str, str]]:
    yield from dict.fromkeys((name, SCHEDULES[name].kind) for name, _ in scenarios_of(table))


def _when(table: pd.DataFrame, rule: str, name: str) -> str:
    """Before, on, after the day of the fall, or never; and the mean lead."""
    rows = drifts(table, rule, harmful=True)
    ahead = rows["fall"] - rows["first_own"]
    counts = (
        f"before the fall in {int((ahead > 0).sum())}, on the night of its day in {int((ahead == 0).sum())}, "
        f"after it in {int((ahead < 0).sum())} and never in {int(ahead.isna().sum())} of {len(rows)}"
    )
    found = lead(rows)
    if found.censored == found.number:
        return f"**The monitor's {name}** comes {counts}."
    verdict = (
        "comes before the fall, on average"
        if found.low > 0.0
        else "**comes too late, on average: after the fall**"
        if found.high < 0.0
        else "cannot be told from the day of the fall, on average"
    )
    return (
        f"**The monitor's {name}** comes {counts}. Lead {said(found, at='≤')} days, delay "
        f"{said(delay(rows), at='≥')}: it {verdict}."
    )


def _without_labels(table: pd.DataFrame) -> str:
    parts = []
    for name, rule in (("alarms", FREE_ALARM), ("triggers", FREE_TRIGGER)):
        rows = drifts(table, rule, harmful=True)
        told, number = told_share(rows)
        parts.append(f"{name} tell {told} of {number} falls, lead {said(lead(rows), at='≤')}")
    return f"**Without labels** {'; '.join(parts)}."


def _missed(table: pd.DataFrame) -> str:
    parts = []
    for name, rule in (("alarm", ALARM), ("trigger", TRIGGER)):
        rows = drifts(table, rule, harmful=True)
        by_kind = rows["first_own"].isna().groupby([rows["kind"], rows["ramp"]]).agg(["sum", "count"])
        worst = [f"{k}, {r} ({a} of {b})" for (k, r), (a, b) in by_kind.iterrows() if a]
        parts.append(f"no own {name}: {', '.join(worst) or 'nowhere'}")
    return f"**Missed falls**, {'; '.join(parts)}."


def _price(table: pd.DataFrame) -> str:
    alarm, trigger = (said(false_nights(table, rule)) for rule in (ALARM, TRIGGER))
    free, free_trigger = (said(false_nights(table, rule)) for rule in (FREE_ALARM, FREE_TRIGGER))
    verdict = ""
    if false_nights(table, TRIGGER).value > 1.0:
        verdict = " **More than one false trigger a stable period: the monitor cries wolf here.**"
    return (
        f"**Price**: of {STABLE_NIGHTS} stable nights, {alarm} have an alarm and {trigger} a trigger "
        f"({free} and {free_trigger} without labels).{verdict}"
    )


def _harmless(table: pd.DataFrame) -> str:
    told = {rule: told_share(drifts(table, rule, harmful=False)) for rule in (ALARM, TRIGGER)}
    return (
        f"**Changes under which no value fell** raise an own alarm in {told[ALARM][0]} and an own trigger in "
        f"{told[TRIGGER][0]} of {told[ALARM][1]}: such a trigger would train or repair for nothing."
    )


def _habits(table: pd.DataFrame) -> str:
    ours, parts = lead(drifts(table, ALARM, harmful=True)), []
    for rule in HABITS:
        rows = drifts(table, rule, harmful=True)
        told, number = told_share(rows)
        found = lead(rows)
        beside = ", **ahead of the monitor's alarm**" if found.value > ours.value else ""
        parts.append(
            f"{rule} tells {told} of {number} of its own, lead {said(found, at='≤')}{beside}, at "
            f"{said(false_nights(table, rule))} false nights"
        )
    return f"**Habits**: {'; '.join(parts)}."
