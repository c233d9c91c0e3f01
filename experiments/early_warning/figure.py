"""The figure: how early the alarm comes, and at what price in false alarms."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
from scores import ALARM, RULES, STABLE_NIGHTS, TRIGGER, delay, drifts, false_nights, lead, told_share
from tables import name_of, said, scenarios_of

matplotlib.use("Agg")
from matplotlib import pyplot as plt

COLOURS = {ALARM: "#4477AA", TRIGGER: "#CC3311"}
GREY = "#999999"


def draw(table: pd.DataFrame, path: Path) -> None:
    """Write the figure as PNG."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(15, 9), layout="constrained", width_ratios=[1.4, 1.0])
    leads(left, table)
    prices(right, table)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def leads(axis: plt.Axes, table: pd.DataFrame) -> None:
    """Lead of the monitor's own alarm and trigger where the value falls; what it says where it does not."""
    names = scenarios_of(table)
    seen: set[str] = set()
    for place, (schedule, ramp) in enumerate(names):
        for step, rule in enumerate(COLOURS):
            rows = drifts(table, rule)
            rows = rows[(rows["schedule"] == schedule) & (rows["ramp"] == ramp)]
            found, height = lead(rows), place + 0.26 * (step - 0.5)
            if not found.number:
                told = int(rows["first_own"].notna().sum())
                words = f"harmless; {rule.split(',')[0]}s in {told} of {len(rows)} worlds"
                axis.annotate(
                    words,
                    (0.0, height),
                    xytext=(-6, 0),
                    textcoords="offset points",
                    ha="right",
                    va="center",
                    fontsize=7,
                    color=COLOURS[rule] if told else GREY,
                )
                continue
            low, high = (found.value if np.isnan(end) else end for end in (found.low, found.high))
            axis.plot([low, high], [height, height], color=COLOURS[rule], linewidth=1.4)
            hollow = "white" if found.censored else COLOURS[rule]
            axis.plot(
                found.value,
                height,
                "o",
                markersize=5,
                color=COLOURS[rule],
                markerfacecolor=hollow,
                label=None if rule in seen else rule,
            )
            seen.add(rule)
            axis.annotate(
                f"{found.number - found.censored} of {found.number}",
                (high, height),
                xytext=(5, 0),
                textcoords="offset points",
                va="center",
                fontsize=7,
                color=COLOURS[rule],
            )
    axis.axvline(0.0, color="#888888", linewidth=0.8)
    axis.set_yticks(range(len(names)), [name_of(*each) for each in names], fontsize=8)
    axis.set_ylim(len(names) - 0.4, -0.6)
    axis.set(
        xlabel="days from the monitor's own alarm to the fall of the value, 95 % (right: before it)",
        title="Lead time; hollow where some never came (how many of the falls were told)",
    )
    axis.spines[["top", "right"]].set_visible(False)
    if seen:
        axis.legend(frameon=False, fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.07), ncols=2)


def prices(axis: plt.Axes, table: pd.DataFrame) -> None:
    """False alarms of each rule, and what they buy: its delay, and how many falls it tells of its own."""
    for place, rule in enumerate(RULES):
        found, rows = false_nights(table, rule), drifts(table, rule, harmful=True)
        colour = COLOURS.get(rule, GREY)
        axis.barh(place, found.value, height=0.55, color=colour, alpha=0.75)
        if not np.isnan(found.low):
            axis.plot([found.low, found.high], [place, place], color="black", linewidth=1.0)
        late, (own, number) = delay(rows, "first"), told_share(rows)
        words = f"{said(late, at='≥')} d; own in {own} of {number}" if number else ""
        right = max(found.value, 0.0 if np.isnan(found.high) else found.high)
        axis.annotate(
            words.replace("never d", "never"),
            (min(right, STABLE_NIGHTS), place),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
            color="#333333",
        )
    axis.set_yticks(range(len(RULES)), RULES, fontsize=8)
    axis.invert_yaxis()
    axis.set(
        xlabel="nights with an alarm, of 28 in a stable world",
        title="Price, and delay of any alarm where the value falls",
        xlim=(0.0, 1.75 * STABLE_NIGHTS),
        xticks=range(0, STABLE_NIGHTS + 1, 7),
    )
    axis.spines[["top", "right"]].set_visible(False)
