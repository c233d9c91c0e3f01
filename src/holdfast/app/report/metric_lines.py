"""Metrics arranged for reading: one line a metric, its versions side by side, its notes below."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from holdfast.app.report.metric_words import words_for
from holdfast.app.report.numerals import NOTHING, interval_decimals, number

WEIGHTED_PART = "ipw"
BASELINE_PART = "baseline"


@dataclass(frozen=True)
class Cell:
    """A value with its interval, as text, and the marks of its notes."""

    value: str = NOTHING
    interval: str = ""
    n: str = ""
    marks: str = ""


@dataclass
class MetricLine:
    """One metric in its versions."""

    label: str
    meaning: str
    plain: Cell = Cell()
    weighted: Cell = Cell()
    baseline: Cell = Cell()


@dataclass
class MetricTable:
    """The lines of one objective; a column that no line fills is not shown."""

    lines: list[MetricLine] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def has_weighted(self) -> bool:
        """Whether any line has a propensity-weighted version."""
        return any(line.weighted != Cell() for line in self.lines)

    @property
    def has_baseline(self) -> bool:
        """Whether any line has a baseline."""
        return any(line.baseline != Cell() for line in self.lines)


def metric_table(metrics: Sequence[Mapping[str, Any]], *, objective: str) -> MetricTable:
    """Arrange metrics by name, in the order in which names first appear.

    Args:
        metrics: see ``ReportContent.metrics``.
        objective: the part of the names that is the same in all, and not shown.
    """
    table = MetricTable()
    lines: dict[str, MetricLine] = {}
    for metric in metrics:
        parts = str(metric["name"]).split("/")
        is_baseline = any(part == BASELINE_PART or part.startswith(f"{BASELINE_PART}_") for part in parts)
        is_weighted = bool(metric.get("weighted")) or parts[-1] == WEIGHTED_PART
        if is_baseline and is_weighted:
            continue  # a baseline is held against what the log shows; a second version would only crowd
        name = _bare_name(parts, objective=objective)
        if name not in lines:
            lines[name] = MetricLine(*words_for(name))
        column = "baseline" if is_baseline else "weighted" if is_weighted else "plain"
        setattr(lines[name], column, _cell(metric, table.notes))
    table.lines = list(lines.values())
    return table


def _bare_name(parts: Iterable[str], *, objective: str) -> str:
    """The name without window, objective, version and baseline."""
    kept = []
    for part in parts:
        if part in (objective, WEIGHTED_PART, BASELINE_PART, "test", "validation"):
            continue
        kept.append(part.removeprefix(f"{BASELINE_PART}_"))
    return "/".join(kept) or objective


def _cell(metric: Mapping[str, Any], notes: list[str]) -> Cell:
    low, high = metric.get("low"), metric.get("high")
    decimals = interval_decimals(low, high)
    interval = ""
    if low is not None and high is not None:
        interval = f"{number(low, decimals=decimals)} to {number(high, decimals=decimals)}"
    note = str(metric.get("note") or "").strip()
    if note and note not in notes:
        notes.append(note)
    mark = str(notes.index(note) + 1) if note else ""
    return Cell(number(metric.get("value"), decimals=decimals), interval, number(metric.get("n")), mark)
