"""The figure: each contender's gain over single-task models, by objective."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import pandas as pd

matplotlib.use("Agg")
from gathering import DELTA_M
from matplotlib import pyplot as plt
from measures import OBJECTIVES
from variants import BASE, REFERENCE

COLOURS = {"mixture": "#4477AA", "interaction": "#228833", "sequence": "#AA3377", "balance": "#CC6633"}
TITLES = {
    "click": "click, log loss",
    "dwell": "dwell, CRPS",
    "return": "return within a day, log loss",
    DELTA_M: "all three",
}


def draw(differences: pd.DataFrame, path: Path) -> None:
    """Write the figure as PNG."""
    part = differences[differences["against"] == REFERENCE]
    names = list(part["variant"].unique())
    figure, axes = plt.subplots(
        1, len(TITLES), figsize=(13, 1.2 + 0.24 * len(names)), sharey=True, layout="constrained"
    )
    for panel, (name, title) in zip(axes, TITLES.items(), strict=True):
        _panel(panel, part[part["measure"] == OBJECTIVES.get(name, name)], names)
        panel.set_title(title, fontsize=10)
    axes[0].set_yticks(range(len(names)), names, fontsize=8)
    for label, name in zip(axes[0].get_yticklabels(), names, strict=True):
        label.set_color(COLOURS[part.loc[part["variant"] == name, "family"].iloc[0]])
        label.set_fontweight("bold" if name == BASE else "normal")
    axes[0].invert_yaxis()
    figure.suptitle(
        f"Gain over {REFERENCE}, % (right is better). Thin: 95 % over worlds; thick: 95 % over test users. "
        "Dashed: shared-bottom; lines that reach the edge go on",
        fontsize=10,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _panel(panel: plt.Axes, rows: pd.DataFrame, names: list[str]) -> None:
    """One objective: a line a contender."""
    of = rows.set_index("variant")
    for place, name in enumerate(names):
        row = of.loc[name]
        colour = COLOURS[row["family"]]
        panel.plot([row["seed_low"], row["seed_high"]], [place, place], color=colour, linewidth=0.9)
        panel.plot(
            [row["user_low"], row["user_high"]], [place, place], color=colour, linewidth=3.2, alpha=0.5
        )
        panel.plot(row["gain"], place, "D" if name == BASE else "o", color=colour, markersize=4.5)
    panel.axvline(0.0, color="#555555", linewidth=0.9)
    panel.axvline(of.loc[BASE, "gain"], color="#4477AA", linewidth=0.9, linestyle="--")
    # Three seeds give some intervals many times wider than all others: cut them, or nothing is seen.
    reach = 1.8 * of[["gain", "user_low", "user_high"]].abs().to_numpy().max()
    low, high = max(of["seed_low"].min(), -reach), min(of["seed_high"].max(), reach)
    margin = 0.05 * (high - low)
    panel.set_xlim(min(low, 0.0) - margin, max(high, 0.0) + margin)
    panel.tick_params(labelsize=8)
    panel.grid(axis="y", color="#EEEEEE", linewidth=0.6)
    panel.set_axisbelow(True)
    for side in ("top", "right"):
        panel.spines[side].set_visible(False)
