"""The tables of the comparison in a world, as they stand in the README."""

from __future__ import annotations

from typing import Any

import pandas as pd


def errors_table(table: pd.DataFrame) -> str:
    """Mean absolute error by arm, with paired differences to naive and to the randomised log."""
    head = "| learns by | click | less naive | less randomised | dwell, s | less naive | less randomised "
    lines = [head + "| return | less naive |", "|" + " --- |" * 9]
    rows, arms = _rows(table)
    for arm in arms:
        cells = [arm]
        for name, digits, others in (
            ("click", 4, ("naive", "randomised")),
            ("dwell", 2, ("naive", "randomised")),
            ("retention", 4, ("naive",)),
        ):
            row = rows[arm, name, "mae"]
            cells.append(f"{row['mean']:.{digits}f}")
            cells += [_difference(row, other, digits) if arm != other else "" for other in others]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def level_and_order_table(table: pd.DataFrame) -> str:
    """How much too high the predictions are, where clicks go wrong, and how well they are ordered."""
    head = "| learns by | click: predicted / true | error, 6 best liked | error, 14 others "
    head += "| rank correlation | less naive | dwell: predicted / true | return: predicted / true |"
    lines = [head, "|" + " --- |" * 8]
    rows, arms = _rows(table)
    for arm in arms:
        order = rows[arm, "click", "rank_correlation"]
        cells = [
            arm,
            f"{rows[arm, 'click', 'calibration']['mean']:.2f}",
            f"{rows[arm, 'click', 'mae_liked']['mean']:.4f}",
            f"{rows[arm, 'click', 'mae_others']['mean']:.4f}",
            f"{order['mean']:.3f}",
            _difference(order, "naive", 3) if arm != "naive" else "",
            f"{rows[arm, 'dwell', 'calibration']['mean']:.2f}",
            f"{rows[arm, 'retention', 'calibration']['mean']:.2f}",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _rows(table: pd.DataFrame) -> tuple[dict[tuple[str, str, str], Any], list[str]]:
    """Rows of the world that chance serves, without trailing history, by arm, head and measure."""
    part = table[(table["history"] == "none") & (table["world"] == "randomised")]
    found = {(row["arm"], row["head"], row["measure"]): row for _, row in part.iterrows()}
    return found, list(part["arm"].unique())


def _difference(row: pd.Series, other: str, digits: int) -> str:
    mean, low, high = (row[f"to_{other}{end}"] for end in ("", "_low", "_high"))
    return f"{mean:+.{digits}f} [{low:+.{digits}f}, {high:+.{digits}f}]"
