"""Figures of the page: calibration by day, and estimates without labels beside what was realised."""

from __future__ import annotations

from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from holdfast.app.monitoring.label_free_table import ABSOLUTE_ERROR
from holdfast.app.report.plots import FULL_WIDTH, figure_of
from holdfast.app.report.svg import MUTED, SERIES, STYLE
from holdfast.monitoring.calibration import ALL

RATIOS = (0.1, 0.2, 0.33, 0.5, 0.67, 0.8, 1.0, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0)
LEAST_RATIO = 1.5


def calibration_by_day(table: pd.DataFrame, late: pd.DataFrame) -> Figure | None:
    """Predicted over observed with intervals, a panel a head; None without any.

    Hollow points are days of which nothing has matured, judged by what should have been seen of them by now.
    """
    if table.empty or "ratio" not in table:
        return None
    known = table[(table["slice"] == ALL) & table["ratio"].notna()]
    young = late[late["matured"] == 0].dropna(subset=["ratio"]) if len(late) else late
    heads = list(dict.fromkeys([*known["head"], *(young["head"] if len(young) else [])]))
    if not heads:
        return None
    with mpl.rc_context(STYLE):
        figure = figure_of(FULL_WIDTH, 210)
        panels = figure.subplots(1, len(heads), squeeze=False)[0]
        for panel, head in zip(panels, heads, strict=True):
            _ratios(panel, known[known["head"] == head], colour=SERIES[0], face=SERIES[0])
            if len(young):
                _ratios(panel, young[young["head"] == head], colour=SERIES[0], face="none")
            panel.axhline(1.0, color=MUTED, linewidth=1.2)
            panel.set_title(head)
            panel.set_yscale("log")
            low, high = panel.get_ylim()
            panel.set_ylim(min(low, 1 / LEAST_RATIO), max(high, LEAST_RATIO))
            panel.yaxis.set_major_locator(FixedLocator(_spaced(RATIOS, panel.get_ylim())))
            panel.yaxis.set_minor_locator(NullLocator())
            panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            _days(panel)
        panels[0].set_ylabel("predicted over observed")
    return figure


def label_free_by_day(table: pd.DataFrame) -> Figure | None:
    """What predictions expect of themselves, a panel a head, beside what was realised; None without any.

    AUC with the range for the realised one, and dwell's absolute error with its interval.
    """
    if table.empty:
        return None
    shown = table[table["metric"].isin(["auc", ABSOLUTE_ERROR])].dropna(subset=["estimate"])
    heads = list(dict.fromkeys(zip(shown["head"], shown["metric"], strict=True)))
    if not heads:
        return None
    with mpl.rc_context(STYLE):
        figure = figure_of(FULL_WIDTH, 220)
        panels = figure.subplots(1, len(heads), squeeze=False)[0]
        for panel, (head, metric) in zip(panels, heads, strict=True):
            of_head = (shown["head"] == head) & (shown["metric"] == metric)
            part = shown[of_head].astype({"realised": float})
            ends = ("realised_low", "realised_high") if metric == "auc" else ("low", "high")
            low, high = (part[name].to_numpy(dtype=float) for name in ends)
            day = _dates(part["day"])
            panel.fill_between(day, low, high, color=SERIES[0], alpha=0.18, linewidth=0)
            panel.plot(day, part["estimate"], color=SERIES[0], label="estimated")
            panel.plot(day, part["realised"], "o", color=SERIES[1], markersize=5, label="realised")
            panel.set_title(f"{head}: AUC" if metric == "auc" else f"{head}: absolute error, s")
            _days(panel)
        panels[0].legend(loc="best")
    return figure


def _ratios(panel: Any, part: pd.DataFrame, *, colour: str, face: str) -> None:
    ratio, low, high = (part[name].to_numpy(dtype=float) for name in ("ratio", "low", "high"))
    day = _dates(part["day"])
    panel.vlines(day, np.where(low > 0, low, ratio), np.where(np.isfinite(high), high, ratio), color=colour)
    panel.plot(day, ratio, "o", markersize=5, color=colour, markerfacecolor=face)


def _dates(day: pd.Series) -> Any:
    return pd.to_datetime(day.astype("int64"), unit="D").to_numpy()


def _days(panel: Any) -> None:
    locator = AutoDateLocator(minticks=2, maxticks=5)  # type: ignore[no-untyped-call]
    panel.xaxis.set_major_locator(locator)
    panel.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]


def _spaced(ratios: tuple[float, ...], limits: tuple[float, float]) -> list[float]:
    inside = [each for each in ratios if limits[0] <= each <= limits[1]]
    return (
        inside
        if len(inside) <= 7
        else [each for each in inside if each in (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)]
    )
