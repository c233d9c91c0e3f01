"""The figure: whether clean quality predicts what is left, and what robust training changes."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
from agreement import by_seed
from contenders import HANDICAPPED, ROBUST
from tables import LEVEL, differences, name_of, others

from holdfast.evaluation.over_seeds import mean_over_seeds

matplotlib.use("Agg")
from matplotlib import pyplot as plt

COLOURS = {"plain training": "#4477AA", "handicapped": "#999999", "robust training": "#CC3311"}
JUDGED = {
    "no_drift/ship_score": ("standard suite", "#4477AA"),
    "drift/ship_score": ("drifting world", "#CC3311"),
    "held_out/ship_score": ("held-out suite", "#228833"),
}


def draw(table: pd.DataFrame, path: Path) -> None:
    """Write the figure as PNG."""
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(16, 5.5), layout="constrained")
    scatter(left, table, "no_drift/ship_score", "ship score, world without drift")
    scatter(middle, table, "drift/ship_score", "ship score, drifting world")
    left.legend(frameon=False, fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=3)
    gains(right, table)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def kind_of(model: str) -> str:
    """Which of the three sorts a model is of."""
    if model in HANDICAPPED:
        return "handicapped"
    return "robust training" if model in ROBUST else "plain training"


def scatter(axis: plt.Axes, table: pd.DataFrame, figure: str, title: str) -> None:
    """Click AUC on validation against a score: means over worlds, lines of one standard error."""
    auc, score = by_seed(table, "validation/click_auc"), by_seed(table, figure)
    seen: set[str] = set()
    for model in auc.columns:
        kind = kind_of(model)
        error = score[model].std() / np.sqrt(len(score)) if len(score) > 1 else 0.0
        axis.errorbar(
            auc[model].mean(),
            score[model].mean(),
            yerr=error,
            fmt="o",
            markersize=4,
            linewidth=0.7,
            color=COLOURS[kind],
            label=None if kind in seen else kind,
        )
        seen.add(kind)
    axis.set(xlabel="click AUC on validation", title=title)
    name_points(axis, auc.mean(), score.mean())
    axis.spines[["top", "right"]].set_visible(False)


def name_points(axis: plt.Axes, x: pd.Series, y: pd.Series) -> None:
    """Names in a column at the right, in the order of height, with lines to the points: none overlap."""
    low, high = axis.get_ylim()
    heights = np.linspace(low, high, len(y) + 2)[1:-1]
    right = axis.get_xlim()[1]
    for height, model in zip(heights, y.sort_values().index, strict=True):
        axis.annotate(
            name_of(model),
            (x[model], y[model]),
            xytext=(right, height),
            va="center",
            fontsize=8,
            color=COLOURS[kind_of(model)],
            arrowprops={
                "arrowstyle": "-",
                "color": "#CCCCCC",
                "linewidth": 0.6,
                "shrinkB": 3,
                "relpos": (0, 0.5),
            },
            annotation_clip=False,
        )


def gains(axis: plt.Axes, table: pd.DataFrame) -> None:
    """Paired differences of ship scores to plain training, with their intervals."""
    names = [*others(table, robust=True), *others(table, robust=False)]
    for place, model in enumerate(names):
        for step, (figure, (label, colour)) in enumerate(JUDGED.items()):
            found = mean_over_seeds(differences(table, figure, model), level=LEVEL)
            height = place + 0.2 * (step - 1)
            axis.plot([found.low, found.high], [height, height], color=colour, linewidth=1.2)
            axis.plot(found.mean, height, "o", markersize=4, color=colour, label=None if place else label)
    axis.axvline(0.0, color="#888888", linewidth=0.8)
    axis.set_yticks(range(len(names)), [name_of(each) for each in names], fontsize=8)
    axis.invert_yaxis()
    axis.set(title="ship score less that of plain training, 95 %", xlabel="points")
    axis.spines[["top", "right"]].set_visible(False)
    axis.legend(frameon=False, fontsize=8, loc="upper center", bbox_to_anchor=(0.45, -0.12), ncols=3)
