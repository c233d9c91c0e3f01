"""The figures of a report: a table in, a matplotlib figure out. Nothing here touches global state."""

from __future__ import annotations

import math
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator, PercentFormatter

from holdfast.app.report.content import Calibration
from holdfast.app.report.metric_words import words_for
from holdfast.app.report.svg import INK, MUTED, PAPER, PIXELS_PER_INCH, SERIES, STYLE

FULL_WIDTH, THIRD_WIDTH = 836, 264
MANY_POINTS = 40
"""Above this number of points a line is drawn without markers."""
LOG_RATIO = 20.0
"""Seconds that differ by more than this factor are drawn on logarithmic axes."""


def learning_curves(curves: pd.DataFrame, *, best_epoch: int | None) -> Figure:
    """Training and validation losses by epoch, a panel for each quantity; see ``LearningSection``."""
    # Other things are logged by epoch too, and have pictures of their own.
    losses = [name for name in map(str, curves.columns) if name.startswith(("train/", "validation/"))]
    quantities = list(dict.fromkeys(name.split("/", 1)[1] for name in losses))
    with mpl.rc_context(STYLE):
        figure, places = panels(len(quantities), height=200)
        for panel, quantity in zip(places, quantities, strict=True):
            for part, colour, dash in (("train", SERIES[0], (0, (4, 2))), ("validation", SERIES[1], "solid")):
                name = f"{part}/{quantity}"
                if name in curves:
                    panel.plot(curves["epoch"], curves[name], color=colour, linestyle=dash, label=part)
            if best_epoch is not None:
                panel.axvline(best_epoch, color=MUTED, linewidth=1, linestyle=(0, (1, 2)))
                _mark_best(panel, curves, f"validation/{quantity}", best_epoch)
            panel.set_title(_title(quantity))
            panel.set_ylabel("loss")
            panel.set_xlabel("epoch")
            panel.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
        if places:
            places[0].legend(loc="upper right")
    return figure


def _mark_best(panel: Axes, curves: pd.DataFrame, name: str, best_epoch: int) -> None:
    here = curves.loc[curves["epoch"] == best_epoch]
    if name in here and len(here):
        panel.plot(best_epoch, here[name].iloc[0], "o", color=SERIES[1], markeredgecolor=PAPER, markersize=8)


def calibration(content: Calibration) -> Figure:
    """Predicted beside observed, against the diagonal or over days; see ``Calibration``."""
    with mpl.rc_context(STYLE):
        figure = figure_of(THIRD_WIDTH, 262)
        panel = figure.add_subplot()
        if content.kind == "by_day":
            _by_day(panel, content.table)
            panel.set_ylabel(content.outcome)
        else:
            _against_diagonal(panel, content.table, seconds=content.kind == "seconds")
            unit = ", seconds" if content.kind == "seconds" else ""
            panel.set_xlabel(f"predicted {content.outcome}{unit}")
            panel.set_ylabel(f"observed {content.outcome}{unit}")
    return figure


def _against_diagonal(panel: Axes, table: pd.DataFrame, *, seconds: bool) -> None:
    table = table.dropna(subset=["predicted", "observed"])
    columns = [name for name in ("predicted", "observed", "low", "high") if name in table]
    values = table[columns].to_numpy(dtype=float)
    values = values[np.isfinite(values)]
    low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 1.0)
    if seconds and low > 0 and high / low > LOG_RATIO:
        limits = (low / 1.3, high * 1.3)
        panel.set_xscale("log")
        panel.set_yscale("log")
        for axis in (panel.xaxis, panel.yaxis):
            axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
            axis.set_minor_locator(NullLocator())
    else:
        limits = (min(0.0, low), high * 1.06 or 1.0)
        if not seconds:
            decimals = 0 if high > 0.05 else 1
            panel.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=decimals, symbol=" %"))
            panel.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=decimals, symbol=" %"))
        for axis in (panel.xaxis, panel.yaxis):
            axis.set_major_locator(MaxNLocator(nbins=4))
    panel.plot(limits, limits, color=MUTED, linewidth=1.2, linestyle=(0, (4, 3)), label="calibrated")
    _whiskers(panel, table["predicted"], table)
    panel.plot(table["predicted"], table["observed"], "o", **_DOT, label="observed, interval")
    panel.set_xlim(limits)
    panel.set_ylim(limits)
    panel.set_aspect("equal", adjustable="box")
    panel.legend(loc="upper left", handlelength=1.6, borderaxespad=0.2)


def _by_day(panel: Axes, table: pd.DataFrame) -> None:
    _whiskers(panel, table["day"], table)
    panel.plot(table["day"], table["observed"], "o", **_DOT, label="observed, interval")
    panel.plot(table["day"], table["predicted"], color=SERIES[1], label="predicted")
    panel.set_xlabel("days after the visit")
    panel.set_ylim(bottom=0)
    panel.margins(x=0.08, y=0.2)
    panel.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
    panel.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))
    panel.legend(loc="lower right", handlelength=1.6)


_DOT: dict[str, Any] = {
    "color": SERIES[0],
    "markersize": 6.5,
    "markeredgecolor": PAPER,
    "markeredgewidth": 1.0,
}


def _whiskers(panel: Axes, x: pd.Series[float], table: pd.DataFrame) -> None:
    if {"low", "high"} <= set(table.columns):
        low, high = table["low"].astype(float), table["high"].astype(float)
        panel.vlines(x, low, high, color=SERIES[0], linewidth=1.6)


def daily(table: pd.DataFrame) -> Figure:
    """A panel for each metric over the days of the test window; see ``ReportContent.daily``."""
    table = table.dropna(subset=["value"])
    metrics = list(dict.fromkeys(table["metric"]))
    with mpl.rc_context(STYLE):
        figure, places = panels(len(metrics), height=190)
        for panel, metric in zip(places, metrics, strict=True):
            rows = table[table["metric"] == metric].sort_values("day")
            days = pd.to_datetime(rows["day"])
            if {"low", "high"} <= set(rows.columns):
                low, high = rows["low"].astype(float), rows["high"].astype(float)
                panel.fill_between(days, low, high, color=SERIES[0], alpha=0.18, linewidth=0)
            marker = "o" if len(rows) <= MANY_POINTS else ""
            panel.plot(days, rows["value"].astype(float), marker=marker, **_DOT)
            panel.set_title(_metric_title(metric))
            _date_axis(panel, most=6)
            panel.yaxis.set_major_locator(MaxNLocator(nbins=5))
            panel.margins(x=0.04, y=0.15)
    return figure


def timeline(windows: pd.DataFrame) -> Figure:
    """The windows along time, and the moments at which their labels are looked at."""
    with mpl.rc_context(STYLE):
        figure = figure_of(FULL_WIDTH, 50 + 34 * len(windows))
        panel = figure.add_subplot()
        for row, window in enumerate(windows.itertuples()):
            start, end, as_of = (pd.Timestamp(getattr(window, key)) for key in ("start", "end", "as_of"))
            colour = SERIES[row % len(SERIES)]
            panel.barh(row, end - start, left=start, height=0.5, color=colour)  # type: ignore[arg-type]
            panel.plot([end, as_of], [row, row], color=colour, linewidth=1.5, linestyle=(0, (1, 1.5)))  # type: ignore[arg-type]
            panel.plot(as_of, row, marker="|", color=INK, markersize=15, markeredgewidth=2)  # type: ignore[arg-type]
        panel.set_yticks(range(len(windows)), [str(name) for name in windows["name"]])
        panel.tick_params(axis="y", labelcolor=INK, labelsize=11)
        panel.invert_yaxis()
        panel.set_ylim(len(windows) - 0.4, -0.6)
        panel.grid(axis="y", visible=False)
        panel.spines["left"].set_visible(False)
        panel.margins(x=0.02)
        _date_axis(panel, most=9)
    return figure


def _date_axis(panel: Axes, *, most: int) -> None:
    locator = AutoDateLocator(minticks=3, maxticks=most)  # type: ignore[no-untyped-call]
    panel.xaxis.set_major_locator(locator)
    panel.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]


def panels(count: int, *, height: int) -> tuple[Figure, list[Axes]]:
    """A figure with places for so many panels, two in a row."""
    rows = max(1, math.ceil(count / 2))
    figure = figure_of(FULL_WIDTH, height * rows + 20)
    return figure, [figure.add_subplot(rows, 2, index + 1) for index in range(count)]


def figure_of(width: int, height: int) -> Figure:
    """An empty figure of so many pixels, to be drawn on with ``STYLE``."""
    size = (width / PIXELS_PER_INCH, height / PIXELS_PER_INCH)
    spacing = ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.1, wspace=0.06, hspace=0.06)
    return Figure(figsize=size, dpi=PIXELS_PER_INCH, layout=spacing)


def _title(quantity: str) -> str:
    text = quantity.replace("_", " ").replace("/", ", ")
    return "All together" if text in ("loss", "total") else text.capitalize()


def _metric_title(name: str) -> str:
    """``click/auc`` as ``Click: AUC``."""
    objective, _, rest = str(name).partition("/")
    return f"{objective.capitalize()}: {words_for(rest).label}" if rest else words_for(objective).label
