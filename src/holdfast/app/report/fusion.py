"""The fusion on the page: what was fitted, and the front from which a person can choose another one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from holdfast.app.report import numerals
from holdfast.app.report.fusion_content import FusionSection
from holdfast.app.report.plots import panels
from holdfast.app.report.svg import INK, MUTED, PAPER, RULE, SERIES, STYLE, inline_svg

GAINS = {"click": "Clicks", "dwell": "Seconds", "retention": "Expected returns"}
_PREFIX = "validation_"


@dataclass(frozen=True)
class FusionView:
    """``FusionSection`` in words and pictures."""

    fusion: str
    facts: list[tuple[str, str]]
    notes: list[str]
    segments: list[tuple[str, str, str]]
    figure: Markup | str
    columns: list[str]
    lines: list[dict[str, Any]]
    volume: str
    front_notes: list[str]
    why_not: str
    effects: list[dict[str, str]]


def fusion_view(section: FusionSection) -> FusionView:
    """The section in words and pictures."""
    fitted = section.fitted or {}
    facts = [
        (GAINS_OF_HEADS.get(name, name), _map_words(each))
        for name, each in fitted.get("calibration", {}).items()
    ]
    facts += [
        (GAINS_OF_HEADS.get(name, name), f"not calibrated: {why}")
        for name, why in fitted.get("left_out", {}).items()
    ]
    learned = fitted.get("fusion", {})
    if learned.get("weights"):
        facts.append(("Fusion, learned weights", _weights(learned["weights"])))
    front = section.front
    objectives = [name.removeprefix(_PREFIX) for name in front.columns if _is_value(name)]
    figure: Markup | str = ""
    if len(front):
        figure = inline_svg(
            front_figure(front, objectives), name="fusion-front", description="gains by fusion weights"
        )
    volumes = [f"{each:.1%} on {window}" for window, each in section.hypervolume.items()]
    return FusionView(
        fusion=section.fusion,
        facts=facts,
        notes=[f"{note[:1].upper()}{note[1:]}." for note in learned.get("notes") or ()],
        segments=[
            (str(name), f"{requests:,}", _weights(weights))
            for _, name, requests, weights in learned.get("segments") or ()
        ],
        figure=figure,
        columns=[GAINS.get(name, name) for name in objectives],
        lines=_lines(front, objectives) if len(front) else [],
        volume=" and ".join(volumes),
        front_notes=[f"{note[:1].upper()}{note[1:]}." for note in section.notes],
        why_not=section.why_not,
        effects=[_effect(row) for row in section.effect.to_dict("records")],
    )


GAINS_OF_HEADS = {"click": "Click", "dwell": "Dwell", "retention": "Retention"}


def front_figure(front: pd.DataFrame, objectives: Sequence[str]) -> Figure:
    """The first gain against each other one: points of the front, numbered as in the table below it."""
    pairs = [(objectives[0], other) for other in objectives[1:]]
    with mpl.rc_context(STYLE):
        figure, places = panels(len(pairs), height=340)
        for panel, (across, up) in zip(places, pairs, strict=True):
            _panel(panel, front, _PREFIX + across, _PREFIX + up)
            panel.set_xlabel(f"{GAINS.get(across, across).lower()} a request, discounted")
            panel.set_title(f"{GAINS.get(up, up)} against {GAINS.get(across, across).lower()}")
        places[0].legend(loc="lower left", handletextpad=0.3, borderaxespad=0.2)
    return figure


def _panel(panel: Axes, front: pd.DataFrame, across: str, up: str) -> None:
    own, grid = front["point"] == "own fusion", front["point"] == "weights"
    corner, best = ~own & ~grid, front["on_front"].astype(bool)
    beaten = front[grid & ~best]
    panel.plot(beaten[across], beaten[up], "o", color=RULE, markersize=4, label="beaten")
    kept = front[grid & best]
    panel.plot(
        kept[across],
        kept[up],
        "o",
        color=SERIES[0],
        markeredgecolor=PAPER,
        markersize=6.5,
        label="on the front",
    )
    ends = front[corner]
    panel.plot(
        ends[across], ends[up], "s", color=SERIES[2], markeredgecolor=PAPER, markersize=8, label="one alone"
    )
    mine = front[own]
    panel.plot(
        mine[across], mine[up], "D", color=SERIES[1], markeredgecolor=PAPER, markersize=9, label="this run's"
    )
    panel.margins(x=0.1, y=0.1)
    _numbers(panel, front[front["number"].notna()], across, up)
    for axis in (panel.xaxis, panel.yaxis):
        axis.set_major_locator(MaxNLocator(nbins=5))
        axis.get_major_formatter().set_useOffset(False)  # type: ignore[attr-defined]


def _numbers(panel: Axes, shown: pd.DataFrame, across: str, up: str) -> None:
    """Numbers beside the points; those that would stand on each other are moved apart by turns."""
    if shown.empty:
        return
    extent = [max(float(np.ptp(shown[name])), 1e-12) for name in (across, up)]
    placed: list[tuple[float, float]] = []
    offsets = ((7, 5), (-13, 5), (7, -13), (-13, -13))
    for row in shown.sort_values("number").to_dict("records"):
        here = row[across] / extent[0], row[up] / extent[1]
        near = sum(abs(here[0] - x) < 0.06 and abs(here[1] - y) < 0.06 for x, y in placed)
        placed.append(here)
        panel.annotate(
            str(int(row["number"])),
            (row[across], row[up]),
            xytext=offsets[near % len(offsets)],
            textcoords="offset points",
            fontsize=9.5,
            color=INK if row["on_front"] else MUTED,
        )


def _lines(front: pd.DataFrame, objectives: Sequence[str]) -> list[dict[str, Any]]:
    """A line a point that is shown: its name, its gains on both windows, and what to type."""
    lines = []
    for row in front[front["number"].notna()].sort_values("number").to_dict("records"):
        cells = []
        for name in objectives:
            low, high = (row.get(f"test_{name}_{end}") for end in ("low", "high"))
            value = row.get(f"test_{name}")
            decimals = _decimals(front[f"{_PREFIX}{name}"])
            interval = "" if low is None or pd.isna(low) else f"{low:.{decimals}f} to {high:.{decimals}f}"
            cells.append(
                {
                    "validation": f"{row[_PREFIX + name]:.{decimals}f}",
                    "test": numerals.NOTHING if value is None else f"{value:.{decimals}f}",
                    "interval": interval,
                }
            )
        says = [
            f"{GAINS_OF_HEADS.get(name, name).lower()} {row[f'say_{name}']:.0%}"
            for name in objectives
            if not pd.isna(row[f"say_{name}"]) and row[f"say_{name}"] > 0.0
        ]
        lines.append(
            {
                "number": int(row["number"]),
                "point": "this run's fusion" if row["point"] == "own fusion" else ", ".join(says),
                "beaten": not row["on_front"],
                "cells": cells,
                "override": row["override"],
            }
        )
    return lines


def _effect(row: Mapping[Any, Any]) -> dict[str, str]:
    """A line a calibrated head: its loss and its predicted over observed, before and after."""
    low, high = row["low"], row["high"]
    verdict = "no interval" if pd.isna(low) else "no difference that the users of test can tell"
    if high < 0.0 or low > 0.0:
        verdict = "better" if high < 0.0 else "WORSE"
    if not row.get("changed", True):  # runs of before do not tell
        verdict = "not calibrated: its predictions are as they were"
    return {
        "head": GAINS_OF_HEADS.get(row["objective"], row["objective"]),
        "measure": row["measure"],
        "before": f"{row['before']:.5g}",
        "after": f"{row['after']:.5g}",
        "change": f"{row['change']:+.2g}",
        "interval": "" if pd.isna(low) else f"{low:+.2g} to {high:+.2g}",
        "verdict": verdict,
        "ratio": f"{row['ratio_before']:.3f} to {row['ratio_after']:.3f}",
        "rows": f"{row['num_rows']:,}",
    }


def _decimals(values: pd.Series[float]) -> int:
    """Enough to tell the points apart: two digits of the range that they span."""
    extent = float(values.max() - values.min())
    return int(np.clip(np.ceil(1.0 - np.log10(extent)), 0, 6)) if extent > 0.0 else 3


def _is_value(name: str) -> bool:
    return name.startswith(_PREFIX)


def _weights(weights: Sequence[Sequence[Any]]) -> str:
    return ", ".join(f"{name} {float(weight):.3g}" for name, weight in weights)


def _map_words(each: Mapping[str, Any]) -> str:
    rows = sorted({int(number) for number in each["rows"]})
    of = f"{rows[0]:,}" if len(rows) == 1 else f"{rows[0]:,} to {rows[-1]:,}"
    slices = f", {each['slices']} slices" if each["slices"] else ""
    notes = f" (as it is where: {'; '.join(dict.fromkeys(each['notes']))})" if each["notes"] else ""
    return f"{each['map']}, from {of} known rows{slices}{notes}"
