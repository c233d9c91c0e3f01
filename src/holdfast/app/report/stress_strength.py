"""What the stress page says of how strong drifts came out, and of drift that nobody made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pandas as pd

from holdfast.app.report.metric_words import words_for
from holdfast.app.report.numerals import NOTHING, number

CHANGE_WORDS = {"click_change": "click", "dwell_change": "dwell", "return_change": "return"}
"""Columns of the table of strengths, and what they are changes of."""


@dataclass(frozen=True)
class StrengthLine:
    """One ladder: AUC by severity; at its highest, the change of p(outcome) and the requests that count."""

    injector: str
    areas: list[str]
    change: str
    size: str


@dataclass(frozen=True)
class NaturalLine:
    """One output in one window: beside what it was in the window that training knows, and the reference."""

    window: str
    output: str
    value: str
    interval: str
    in_training: str
    reference: str
    lift: str
    rows: str


def strength_lines(strength: pd.DataFrame | None) -> Iterator[StrengthLine]:
    """A line a ladder; none where strength was not measured.

    Args:
        strength: ``injector``, ``severity``, ``domain_auc``, ``click_change``, ``dwell_change``,
            ``return_change``, ``effective_sample_size``.
    """
    if strength is None or strength["domain_auc"].isna().all():
        return
    for name, rows in strength.groupby("injector", sort=False):
        rungs = rows.sort_values("severity")
        top = rungs.iloc[-1]
        changes = [
            f"{words} {number(top[column], decimals=3)}"
            for column, words in CHANGE_WORDS.items()
            if pd.notna(top[column])
        ]
        size = top["effective_sample_size"]
        yield StrengthLine(
            injector=str(name).replace("_", " "),
            areas=[area_words(each) for each in rungs["domain_auc"]],
            change=", ".join(changes) or NOTHING,
            size=NOTHING if pd.isna(size) else number(size),
        )


def area_words(area: float | None) -> str:
    """An AUC in two digits, as in ``.87``."""
    if area is None or pd.isna(area):
        return NOTHING
    return f"{area:.2f}".removeprefix("0")


def natural_lines(natural: pd.DataFrame | None, qualities: Mapping[str, str]) -> Iterator[NaturalLine]:
    """A line a window and output, the window that training knows first; none where there is no such drift.

    Args:
        natural: ``window``, ``metric``, ``value``, ``low``, ``high``, ``reference``, ``lift``, ``n``.
        qualities: the metric of each output.
    """
    if natural is None or not len(natural):
        return
    windows = list(dict.fromkeys(natural["window"]))
    by_place = natural.set_index(["metric", "window"])
    for output, metric in qualities.items():
        for window in windows:
            row = by_place.loc[(metric, window)]
            known = by_place.loc[(metric, windows[0])]
            ends = [row["low"], row["high"]]
            yield NaturalLine(
                window=window,
                output=f"{output}: {words_for(metric.partition('/')[2]).label}",
                value=_quality(row["value"]),
                interval="" if any(map(pd.isna, ends)) else f"{_quality(ends[0])} to {_quality(ends[1])}",
                in_training=_quality(known["value"]),
                reference=_quality(row["reference"]),
                lift=NOTHING if pd.isna(row["lift"]) else number(row["lift"], decimals=1),
                rows=number(row["n"]),
            )


def _quality(value: float | None) -> str:
    return NOTHING if value is None or pd.isna(value) else number(value, decimals=3)
