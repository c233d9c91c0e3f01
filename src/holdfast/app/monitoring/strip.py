"""The strip of columns by day, and alarms by column: what a reader sees at a glance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from holdfast.app.report.numerals import NOTHING, number, percent
from holdfast.monitoring.finding import Finding

LEVELS = ("none", "slight", "moderate", "large", "broken")
MOST_ROWS, FEWEST_ROWS = 40, 12
PLACES = ("outcome", "prediction", "feature", "slice", "frame")


@dataclass(frozen=True)
class Cell:
    """One column in one window.

    Attributes:
        level: the largest severity that is more than chance.
        alarm: whether anything about it alarmed.
        words: read out, and shown on hovering.
    """

    level: str
    alarm: bool
    words: str


@dataclass(frozen=True)
class StripRow:
    """One column in all windows."""

    where: str
    place: str
    cells: list[Cell]


@dataclass(frozen=True)
class AlarmLine:
    """The alarms of one column and kind, told by the latest."""

    where: str
    kind: str
    since: str
    windows: int
    effect: str
    harm: str
    tone: str
    next_step: str
    note: str


def heat_strip(told: Mapping[str, Any], findings: Sequence[Finding]) -> dict[str, Any]:
    """Rows of the strip, those that alarm most first, and the days above them."""
    starts = [window["start"] for window in told["windows"]]
    alarmed = {(each["where"], each["start"]) for each in told["alarms"]}
    worst: dict[tuple[str, str], tuple[int, Finding]] = {}
    places: dict[str, str] = {}
    for finding in findings:
        start = None if finding.start is None else finding.start.isoformat()
        if start not in starts:
            continue
        places.setdefault(finding.where, finding.place)
        key, level = (finding.where, str(start)), LEVELS.index(finding.severity)
        if key not in worst or level > worst[key][0]:
            worst[key] = (level, finding)
    rows = [
        StripRow(where, place, [_cell(where, start, worst.get((where, start)), alarmed) for start in starts])
        for where, place in places.items()
    ]
    rows.sort(key=_order)
    telling = sum(_order(row) < (0, 0, 0) for row in rows)
    shown = min(max(telling, FEWEST_ROWS), MOST_ROWS)
    return {
        "days": [start[:10] for start in starts],
        "rows": rows[:shown],
        "left_out": max(len(rows) - shown, 0),
    }


def _order(row: StripRow) -> tuple[int, int, int]:
    """Most alarms first, then the largest change."""
    levels = [LEVELS.index(cell.level) for cell in row.cells if cell.level in LEVELS]
    return -sum(cell.alarm for cell in row.cells), -max(levels, default=-1), PLACES.index(row.place)


def alarm_lines(alarms: Sequence[Mapping[str, Any]]) -> list[AlarmLine]:
    """Alarms by column and kind, the harmful first, then the oldest."""
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for alarm in alarms:
        groups.setdefault((alarm["where"], alarm["kind"]), []).append(alarm)
    order = {True: 0, None: 1, False: 2}
    found = []
    for (where, kind), each in groups.items():
        last = max(each, key=lambda alarm: (order[alarm["harmful"]] == 0, alarm["start"] or ""))
        since = min((alarm["since"] or "" for alarm in each), default="")
        line = AlarmLine(
            where=where,
            kind=kind.replace("_", " "),
            since=since[:10] or NOTHING,
            windows=len(each),
            effect=_effect(last),
            harm=_harm(last),
            tone={True: "bad", None: "unclear", False: "good"}[last["harmful"]],
            next_step=last["next_step"],
            note=last["note"],
        )
        found.append((order[last["harmful"]], -len(each), where, line))
    return [line for *_, line in sorted(found, key=lambda entry: entry[:3])]


def _cell(
    where: str, start: str, worst: tuple[int, Finding] | None, alarmed: set[tuple[str, str | None]]
) -> Cell:
    if worst is None:
        return Cell("absent", False, f"{where}, {start[:10]}: not compared")
    level, finding = worst
    alarm = (where, start) in alarmed
    what = f", {finding.kind.replace('_', ' ')}" if level else ""
    words = f"{where}, {start[:10]}: {LEVELS[level]}{what}"
    return Cell(LEVELS[level], alarm, words + (", alarm" if alarm else ""))


def _effect(alarm: Mapping[str, Any]) -> str:
    if alarm["effect"] is None:
        return NOTHING
    text = f"{number(alarm['effect'])} {alarm['effect_unit']}".strip()
    if alarm["effect_low"] is None:
        return text
    return f"{text} [{number(alarm['effect_low'])}, {number(alarm['effect_high'])}]"


def _harm(alarm: Mapping[str, Any]) -> str:
    if alarm["harm"] is not None:
        ends = f"[{percent(alarm['harm_low'])}, {percent(alarm['harm_high'])}]"
        return f"predictions move by {percent(alarm['harm'])} {ends}"
    return {True: "harmful: its effect is what was realised", False: "within what is tolerated"}.get(
        alarm["harmful"], "not known"
    )
