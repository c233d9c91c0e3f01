"""Faults of a log: what is wrong, where, and how it is told to the one who brought the log.

N rows of the log.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from holdfast.core.arrays import Bools, Ints
from holdfast.core.errors import UserError

NUM_SHOWN = 5
"""Row numbers that a fault names."""
ON_BAD_ROWS = ("refuse", "quarantine")


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One rule of the contract that a log breaks.

    Attributes:
        column: the column, or several joined by commas.
        rule: what is wrong with it.
        num_rows: rows that break the rule.
        first_rows: the first of them, at most five, as positions from 0 in the table that was checked.
        remedy: what to do; empty where the rule says it.
        whole_log: True where no set of rows can be blamed, so that nothing can be set aside.
        rows: all positions, where rows can be blamed.
    """

    column: str
    rule: str
    num_rows: int
    first_rows: tuple[int, ...] = ()
    remedy: str = ""
    whole_log: bool = False
    rows: Ints | None = field(default=None, repr=False, compare=False)


class LogError(UserError):
    """The log breaks the contract; ``faults`` holds every way in which it does."""

    def __init__(self, message: str, faults: Sequence[Fault] = ()) -> None:
        super().__init__(message)
        self.faults = tuple(faults)


def row_faults(column: str, rule: str, bad: Bools, *, remedy: str = "") -> Iterator[Fault]:
    """One fault that names the rows where ``bad``, ``[N]``; none where no row is bad."""
    rows = np.flatnonzero(bad)
    if rows.size:
        first = tuple(int(row) for row in rows[:NUM_SHOWN])
        yield Fault(
            column=column, rule=rule, num_rows=int(rows.size), first_rows=first, remedy=remedy, rows=rows
        )


def log_fault(column: str, rule: str, *, bad: Bools | None = None, remedy: str = "") -> Fault:
    """A fault of the whole log; ``bad`` says in which rows it shows, if in any."""
    rows = np.flatnonzero(bad) if bad is not None else np.zeros(0, dtype=np.int64)
    first = tuple(int(row) for row in rows[:NUM_SHOWN])
    return Fault(
        column=column, rule=rule, num_rows=int(rows.size), first_rows=first, remedy=remedy, whole_log=True
    )


def describe(faults: Sequence[Fault]) -> str:
    """An aligned table of the faults, one a line."""
    lines = [("column", "what is wrong", "rows", "first rows", "what to do")]
    for fault in faults:
        shown = ", ".join(str(row) for row in fault.first_rows)
        more = ", ..." if fault.num_rows > len(fault.first_rows) > 0 else ""
        rows = "all" if fault.whole_log and not fault.num_rows else f"{fault.num_rows:,}"
        lines.append((fault.column, fault.rule, rows, f"{shown}{more}" or "-", fault.remedy))
    widths = [max(len(line[place]) for line in lines) for place in range(len(lines[0]))]
    return "\n".join(
        "  " + "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def check_on_bad_rows(on_bad_rows: str) -> None:
    """Refuse a setting that is neither ``refuse`` nor ``quarantine``."""
    if on_bad_rows not in ON_BAD_ROWS:
        raise ValueError(f"on_bad_rows is {on_bad_rows!r}; choose from {list(ON_BAD_ROWS)}")


def raise_or_quarantine(
    frame: pd.DataFrame, faults: Sequence[Fault], on_bad_rows: str = "refuse", *, where: str = ""
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Refuse a faulty log, or set its faulty rows aside.

    Args:
        frame: the table that was checked, N rows.
        faults: what was found in it.
        on_bad_rows: ``refuse``, or ``quarantine`` to set rows aside where all faults are faults of rows.
        where: the log's origin, for the message.

    Returns:
        The rows without a fault; and those with one, with two more columns: ``row``, the position in
        ``frame``, and ``rule``, every rule that the row breaks. Both have an index from 0.

    Raises:
        LogError: faults were found, and they are of the whole log, or ``on_bad_rows`` is ``refuse``, or no
            row would be left.
        ValueError: ``on_bad_rows`` is neither.
    """
    check_on_bad_rows(on_bad_rows)
    rules = _rules_of_rows(faults, num_rows=len(frame))
    bad = (rules != "").to_numpy()
    of_the_log = any(fault.whole_log for fault in faults)
    if faults and (of_the_log or on_bad_rows == "refuse" or bad.all()):
        raise LogError(_message(faults, num_bad=int(bad.sum()), num_rows=len(frame), where=where), faults)
    quarantined = frame[bad].assign(row=np.flatnonzero(bad), rule=rules[bad].to_numpy())
    return frame[~bad].reset_index(drop=True), quarantined.reset_index(drop=True)


def _rules_of_rows(faults: Sequence[Fault], *, num_rows: int) -> pd.Series:
    """Every rule that each row breaks, joined by semicolons; empty where it breaks none."""
    rules = np.full(num_rows, "", dtype=object)
    for fault in faults:
        if fault.rows is not None:
            text = f"{fault.column}: {fault.rule}"
            earlier = rules[fault.rows]
            rules[fault.rows] = np.where(earlier == "", text, earlier + "; " + text)
    return pd.Series(rules, dtype="str")


def _message(faults: Sequence[Fault], *, num_bad: int, num_rows: int, where: str) -> str:
    of_the_log = sum(fault.whole_log for fault in faults)
    origin = f" {where}" if where else ""
    head = f"the log{origin} breaks the contract in {len(faults)} way{'s' if len(faults) > 1 else ''}:"
    if of_the_log:
        end = (
            "Correct the log or its card (docs/log_contract.md explains the rules): "
            f"{of_the_log} of these faults cannot be blamed on rows, so nothing can be set aside."
        )
    elif num_bad == num_rows:
        end = "Correct the log (docs/log_contract.md explains the rules): no row is without a fault."
    else:
        end = (
            "Correct the log (docs/log_contract.md explains the rules), or set these "
            f"{num_bad:,} of {num_rows:,} rows aside with data.on_bad_rows=quarantine."
        )
    return (
        f"{head}\n{describe(faults)}\n{end}\nRows are counted from 0, in the order in which they were read."
    )
