"""The figures of the stress page: how the score is made, ladders, days, levels."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from holdfast.app.report.metric_words import words_for
from holdfast.app.report.plots import FULL_WIDTH, figure_of, panels
from holdfast.app.report.stress_strength import area_words
from holdfast.app.report.svg import DASHES, INK, MUTED, SERIES, STYLE

COLOURS = {"click": SERIES[0], "dwell": SERIES[1], "retention": SERIES[2], "ranking": SERIES[3]}
LADDERS_IN_A_ROW = 3
LEAST_RATIO = 1.2


def waterfall(names: Sequence[str], steps: Sequence[float], total: Mapping[str, Any]) -> Figure:
    """The clean lift, what is taken from it, and what is left.

    Args:
        names: of the clean lift and the parts, in words.
        steps: points, the losses below 0.
        total: ``value``, ``low``, ``high`` of the score.
    """
    with mpl.rc_context(STYLE):
        figure = figure_of(FULL_WIDTH, 210)
        place = figure.add_subplot()
        ends = np.cumsum(steps)
        for index, (step, end) in enumerate(zip(steps, ends, strict=True)):
            colour = SERIES[0] if index == 0 else SERIES[1]
            place.barh(index, step, left=end - step, color=colour, height=0.6)
            place.vlines(end, index, index + 1, color=MUTED, linewidth=0.9)
            place.annotate(
                f"{step:+.1f}".replace("-", "−"),
                (max(end, end - step), index),
                xytext=(6, 0),
                textcoords="offset points",
                va="center",
                color=MUTED,
                fontsize=10,
            )
        row = len(steps)
        place.barh(row, total["value"], color=INK, height=0.6)
        end = max(total["value"], 0.0)
        if total["low"] is not None:
            place.hlines(row, total["low"], total["high"], color=MUTED, linewidth=2.4)
            end = max(end, total["high"])
        place.annotate(
            f"{total['value']:.1f}".replace("-", "−"),
            (end, row),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            fontweight="bold",
        )
        place.axvline(0.0, color=MUTED, linewidth=1.2)
        place.set_yticks(range(row + 1), [*names, "ship score"])
        place.tick_params(axis="y", labelcolor=INK)
        place.invert_yaxis()
        place.margins(x=0.09)
        place.grid(visible=False, axis="y")
        place.set_xlabel("points over the reference ranker")
    return figure


def ladders(scenarios: pd.DataFrame, strength: pd.DataFrame | None = None) -> Figure:
    """A panel a ladder, a line an output: its skill by severity, and the reference's dashed.

    Below each severity stands how well a classifier tells its rows from clean ones, where that was measured.
    A cross on the zero line is a rung at which an output cannot be judged.
    """
    qualities = scenarios.loc[scenarios["skill"].notna(), "metric"].unique()
    quality = scenarios[scenarios["metric"].isin(qualities)]
    names = list(dict.fromkeys(quality["injector"]))
    rows = max(1, math.ceil(len(names) / LADDERS_IN_A_ROW))
    areas = _areas(strength)
    with mpl.rc_context(STYLE):
        figure = figure_of(FULL_WIDTH, (165 if not areas else 182) * rows + 20)
        first: Axes | None = None
        for index, name in enumerate(names):
            place = figure.add_subplot(rows, LADDERS_IN_A_ROW, index + 1, sharey=first)
            first = first or place
            place.axhline(0.0, color=MUTED, linewidth=1.0)
            mine = quality[quality["injector"] == name]
            for output, lines in mine.groupby("output", sort=False):
                _line(place, lines.sort_values("severity"), colour=COLOURS[str(output)])
            scored = "kind" not in mine or mine["kind"].iloc[0] != "label"
            place.set_title(name.replace("_", " ") + ("" if scored else " (labels; not scored)"))
            severities = sorted(mine["severity"].unique())
            place.set_xticks(severities, [_rung(name, each, areas) for each in severities])
            place.yaxis.set_major_locator(MaxNLocator(nbins=4))
            place.margins(x=0.06)
            if index % LADDERS_IN_A_ROW:
                place.tick_params(labelleft=False)
            if index >= len(names) - LADDERS_IN_A_ROW:
                place.set_xlabel(
                    "severity" if not areas else "severity, and AUC of telling drifted rows apart"
                )
    return figure


def _areas(strength: pd.DataFrame | None) -> dict[tuple[str, int], float]:
    """By ladder and severity; none where strength was not measured."""
    if strength is None:
        return {}
    known = strength.dropna(subset=["domain_auc"])
    return {
        (str(row["injector"]), int(row["severity"])): float(row["domain_auc"])
        for row in known.to_dict("records")
    }


def _rung(name: str, severity: int, areas: Mapping[tuple[str, int], float]) -> str:
    if not areas:
        return str(severity)
    area = 0.5 if severity == 0 else areas.get((name, severity))
    return f"{severity}\n{area_words(area)}"


def _line(place: Axes, lines: pd.DataFrame, *, colour: str) -> None:
    """NaN leaves a gap: no line is drawn across a rung that nobody could judge."""
    severity, skill = lines["severity"].to_numpy(), lines["skill"].to_numpy(dtype=float)
    low, high = (lines[f"skill_{end}"].to_numpy(dtype=float) for end in ("low", "high"))
    place.fill_between(severity, low, high, color=colour, alpha=0.13, linewidth=0)
    reference = lines["reference_skill"].to_numpy(dtype=float)
    place.plot(severity, reference, color=colour, linewidth=1.2, linestyle=(0, DASHES[2]), alpha=0.8)
    place.plot(severity, skill, color=colour, linewidth=1.8, marker="o", markersize=3)
    undefined = severity[np.isnan(skill)]
    place.plot(undefined, np.zeros(undefined.size), "x", color=colour, markersize=5, markeredgewidth=1.5)


def days(table: pd.DataFrame, qualities: Mapping[str, str]) -> Figure:
    """A panel an output: its metric by days since training, the reference dashed, successors dotted."""
    with mpl.rc_context(STYLE):
        figure, places = panels(len(qualities), height=180)
        for place, (output, metric) in zip(places, qualities.items(), strict=True):
            of_metric = table[table["metric"] == metric].dropna(subset=["value"])
            of_metric = of_metric.sort_values("days_since_training")
            rows = of_metric[of_metric["model"] == "this run"]
            again = of_metric[of_metric["model"] == "retrained"]
            when = rows["days_since_training"].to_numpy()
            if rows["low"].notna().all() and len(rows):
                low, high = (rows[end].to_numpy(dtype=float) for end in ("low", "high"))
                place.fill_between(when, low, high, color=COLOURS[output], alpha=0.13, linewidth=0)
            place.plot(when, rows["value"], color=COLOURS[output], marker="o", markersize=4)
            place.plot(when, rows["reference"], color=MUTED, linestyle=(0, DASHES[1]), linewidth=1.5)
            if len(again):
                place.plot(again["days_since_training"], again["value"], color=INK, linestyle=(0, DASHES[2]))
            place.set_title(f"{output.capitalize()}: {words_for(metric.partition('/')[2]).label}")
            place.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=7))
            place.yaxis.set_major_locator(MaxNLocator(nbins=5))
            place.margins(x=0.04, y=0.1)
        for place in places[-2:]:
            place.set_xlabel("days since training")
    return figure


def levels(scenarios: pd.DataFrame) -> Figure:
    """Predicted over observed at each ladder's highest severity, a dot an output, on a logarithmic axis."""
    rows = scenarios[scenarios["metric"].str.endswith("/calibration")].dropna(subset=["value"])
    rows = rows[rows["severity"] == rows["severity"].max()]
    names = list(dict.fromkeys(rows["injector"]))
    outputs = list(dict.fromkeys(rows["output"]))
    with mpl.rc_context(STYLE):
        figure = figure_of(FULL_WIDTH, 24 * len(names) + 60)
        place = figure.add_subplot()
        place.axvline(1.0, color=MUTED, linewidth=1.2)
        for shift, output in enumerate(outputs):
            mine = rows[rows["output"] == output]
            height = [
                names.index(each) + 0.22 * (shift - (len(outputs) - 1) / 2) for each in mine["injector"]
            ]
            if mine["low"].notna().all():
                place.hlines(height, mine["low"], mine["high"], color=COLOURS[output], linewidth=1.6)
            place.plot(mine["value"], height, "o", color=COLOURS[output], markersize=4.5)
        place.set_xscale("log")
        _ratio_ticks(place)
        place.set_yticks(range(len(names)), [name.replace("_", " ") for name in names])
        place.tick_params(axis="y", labelcolor=INK)
        place.set_ylim(len(names) - 0.4, -0.6)
        place.set_xlabel("predicted / observed")
    return figure


def _ratio_ticks(place: Axes) -> None:
    """Doublings, or finer steps where there is less than one."""
    low, high = place.get_xlim()
    low, high = min(low, 1 / LEAST_RATIO), max(high, LEAST_RATIO)
    place.set_xlim(low, high)
    steps = [2.0**power for power in range(-12, 13)]
    if sum(low <= each <= high for each in steps) < 3:
        steps = [0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.4, 1.6, 1.8, 2.0]
    place.xaxis.set_major_locator(FixedLocator([each for each in steps if low <= each <= high]))
    place.xaxis.set_minor_locator(NullLocator())
    place.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.3g}"))
