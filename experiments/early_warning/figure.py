"""The figure: how early the alarm comes, and at what price in false alarms."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
from scores import ALARM, RULES, TRIGGER, delay, drifts, false_nights, lead
from tables import name_of, scenarios_of

matplotlib.use("Agg")
from matplotlib import pyplot as plt

COLOURS = {ALARM: "#4477AA", TRIGGER: "#CC3311"}
GREY = "#999999"


def draw(table: pd.DataFrame, path: Path) -> None:
    """Write the figure as PNG."""
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(14, 7.5), layout="constrained", width_ratios=[1.7, 1.0]
    )
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
                    xytext=(4, 0),
                    textcoords="offset points",
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
    axis.invert_yaxis()
    axis.set(
        xlabel="days from the monitor's own alarm to the fall of the value, 95 % (right: before it)",
        title="Lead time; hollow where some never came (how many of the falls were told)",
    )
    axis.spines[["top", "right"]].set_visible(False)
    if seen:
        axis.legend(frameon=False, fontsize=8, loc="lower left")


def prices(axis: plt.Axes, table: pd.DataFrame) -> None:
    """False alarms against delay, rule by rule: down and left is better."""
    for rule in RULES:
        found, late = false_nights(table, rule), delay(drifts(table, rule, harmful=True), "first")
        if not late.number:
            continue
        colour = COLOURS.get(rule, GREY)
        share = late.censored / late.number
        axis.plot(
            late.value,
            found.value,
            "o",
            markersize=6,
            color=colour,
            markerfacecolor="white" if share else colour,
            clip_on=False,
        )
        axis.annotate(
            f"{rule} ({late.number - late.censored} of {late.number})",
            (late.value, found.value),
            xytext=(7, 4),
            textcoords="offset points",
            fontsize=8,
            color=colour,
        )
    axis.set(
        xlabel="delay of any alarm after the onset, days, where the value falls",
        ylabel="false alarms in 28 stable nights",
        title="Price (how many of the falls were told in time)",
    )
    axis.set_ylim(-0.5, 29.5)
    axis.margins(x=0.35)
    axis.spines[["top", "right"]].set_visible(False)
