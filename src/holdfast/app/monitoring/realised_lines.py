"""Lines of the page's tables on what was realised: calibration errors, and losses beside expected ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from holdfast.app.monitoring.label_free_table import ABSOLUTE_ERROR
from holdfast.app.report.numerals import NOTHING, number
from holdfast.monitoring.calibration import ALL

LATEST = 7
"""Windows that a table of the page tells of each head; the rest are in the Parquet files."""


@dataclass(frozen=True)
class CalibrationLine:
    """Calibration of one head in one window."""

    head: str
    day: int
    rows: int
    ratio: str
    slope: str
    error: str
    excess: str
    noise: str


@dataclass(frozen=True)
class LossLine:
    """The loss of one head in one window."""

    head: str
    day: int
    expected: str
    realised: str
    rows: int
    known: int


def calibration_lines(rows: Sequence[Mapping[str, Any]]) -> list[CalibrationLine]:
    """The latest windows of every head, in which any outcome is known."""
    kept = [row for row in rows if row["slice"] == ALL and row["n"] > 0]
    return [
        CalibrationLine(
            head=row["head"],
            day=int(row["day"]),
            rows=int(row["n"]),
            ratio=_with_ends(row, "ratio", "low", "high"),
            slope=_with_ends(row, "slope", "slope_low", "slope_high"),
            error=number(row.get("ece")),
            excess=number(row.get("ece_excess")),
            noise=_ends(row.get("ece_null_low"), row.get("ece_null_high")),
        )
        for row in _latest(kept)
    ]


def loss_lines(rows: Sequence[Mapping[str, Any]]) -> list[LossLine]:
    """The latest windows of every head whose loss is estimated."""
    kept = [row for row in rows if row["metric"] == ABSOLUTE_ERROR]
    return [
        LossLine(
            head=row["head"],
            day=int(row["day"]),
            expected=_with_ends(row, "estimate", "low", "high"),
            realised=number(row["realised"]),
            rows=int(row["n"]),
            known=int(row["n_known"]),
        )
        for row in _latest(kept)
    ]


def _latest(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    heads = dict.fromkeys(row["head"] for row in rows)
    return [row for head in heads for row in [each for each in rows if each["head"] == head][-LATEST:]]


def _with_ends(row: Mapping[str, Any], value: str, low: str, high: str) -> str:
    ends = _ends(row[low], row[high])
    return number(row[value]) if ends == NOTHING else f"{number(row[value])} {ends}"


def _ends(low: float | None, high: float | None) -> str:
    if low is None and high is None:
        return NOTHING
    return f"[{number(low)}, {number(high)}]"
