"""The figures of all days served, arranged for reading: a line a contender, a column a quantity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from holdfast.app.report.closed_loop.over_seeds import calibration_of_all_days
from holdfast.app.report.closed_loop.quantities import (
    KNOWN,
    PREDICTED,
    SECONDS_IN_AN_HOUR,
    Unit,
    quantity,
)
from holdfast.app.report.numerals import NOTHING, estimate_decimals, number

_SCALE: dict[Unit, float] = {"share": 100.0, "hours": 1.0 / SECONDS_IN_AN_HOUR}


@dataclass(frozen=True)
class LoopCell:
    """A value as text; ``clear`` where an interval of a difference leaves out 0."""

    value: str = NOTHING
    interval: str = ""
    clear: bool = False


@dataclass
class Block:
    """Lines under a heading: a contender's name and its cells."""

    heading: str
    lines: list[tuple[str, list[LoopCell]]] = field(default_factory=list)


@dataclass
class LoopTable:
    """Columns with what they mean, and blocks of lines."""

    columns: list[tuple[str, str]]
    blocks: list[Block]


def group_table(
    summary: pd.DataFrame, differences: pd.DataFrame, *, group: str, contenders: Sequence[str]
) -> LoopTable | None:
    """What each contender came to in the quantities of a group, and the difference to the reference.

    Args:
        summary: see ``ClosedLoopSection``.
        differences: as well.
        group: one of ``GROUPS``.
        contenders: in the order of the lines.

    Returns:
        None where no quantity of the group was summed up.
    """
    names = _in_order(summary, group)
    if not names:
        return None
    blocks = [_block("All days served", summary, names, contenders, signed=False)]
    if not differences.empty:
        for reference, rows in differences.groupby("reference", sort=False):
            others = [name for name in contenders if name in set(rows["contender"]) - {reference}]
            block = _block(f"Difference to {reference}", rows, names, others, signed=True)
            if any(cell != LoopCell() for _, cells in block.lines for cell in cells):
                blocks.append(block)
    return LoopTable(columns=[_heading(name) for name in names], blocks=blocks)


def calibration_table(calibration: pd.DataFrame, *, contenders: Sequence[str]) -> LoopTable | None:
    """Predicted over observed of all days, a column an objective; None where nobody predicted."""
    found = calibration_of_all_days(calibration)
    if found.empty:
        return None
    objectives = list(dict.fromkeys(found["objective"]))
    rows = found.rename(columns={"objective": "quantity", "ratio": "mean"})
    predicting = [name for name in contenders if name in set(found["contender"])]
    block = _block("All days served", rows, objectives, predicting, signed=False)
    return LoopTable(
        columns=[
            (PREDICTED.get(name, quantity(name).label), "predicted over observed") for name in objectives
        ],
        blocks=[block],
    )


def _in_order(summary: pd.DataFrame, group: str) -> list[str]:
    """Quantities of a group that have a value, known ones first."""
    if summary.empty:
        return []
    there = [str(name) for name in dict.fromkeys(summary.loc[summary["mean"].notna(), "quantity"])]
    order = [*(name for name in KNOWN if name in there), *(name for name in there if name not in KNOWN)]
    return [name for name in order if quantity(name).group == group]


def _heading(name: str) -> tuple[str, str]:
    words = quantity(name)
    meaning = f"{words.meaning}, %" if words.unit == "share" else words.meaning
    return words.label, meaning.removeprefix(", ")


def _block(
    heading: str, table: pd.DataFrame, names: Sequence[str], contenders: Sequence[str], *, signed: bool
) -> Block:
    columns = [_column(table[table["quantity"] == name], name, contenders, signed=signed) for name in names]
    return Block(
        heading, [(contender, list(cells)) for contender, *cells in zip(contenders, *columns, strict=True)]
    )


def _column(rows: pd.DataFrame, name: str, contenders: Sequence[str], *, signed: bool) -> list[LoopCell]:
    """Cells of one quantity, all with the same decimals, so that they can be compared down the column."""
    scale = _SCALE.get(quantity(name).unit, 1.0)
    found = (scale * rows.set_index("contender")[["mean", "low", "high"]].astype(float)).reindex(
        list(contenders)
    )
    decimals = estimate_decimals(found.itertuples(index=False, name=None))
    return [_cell(*row, decimals=decimals, signed=signed) for row in found.itertuples(index=False)]


def _cell(mean: float, low: float, high: float, *, decimals: int | None, signed: bool) -> LoopCell:
    if np.isnan(mean):
        return LoopCell()
    sign = "+" if signed and mean > 0 else ""
    value = sign + number(mean, decimals=decimals)
    if np.isnan(low) or np.isnan(high):
        return LoopCell(value)
    ends = (number(end, decimals=decimals) for end in (low, high))
    return LoopCell(value, " to ".join(ends), clear=signed and (low > 0 or high < 0))
