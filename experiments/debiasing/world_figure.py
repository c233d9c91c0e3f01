"""The figure of the comparison in a world: each arm's error less that of naive, by head."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import pandas as pd

matplotlib.use("Agg")
from matplotlib import pyplot as plt

PANELS = (
    ("click", "chance of a click"),
    ("dwell", "expected dwell, seconds"),
    ("retention", "chance of return"),
)


def draw(table: pd.DataFrame, path: Path, *, history: str = "none", world: str = "randomised") -> None:
    """Write the figure as PNG: differences in mean absolute error, with their 95 % intervals."""
    part = table[
        (table["history"] == history) & (table["world"] == world) & (table["measure"] == "mae")
    ].set_index(["head", "arm"])
    names = [name for name in part.loc[PANELS[0][0]].index if name != "naive"]
    figure, axes = plt.subplots(1, len(PANELS), figsize=(12, 4.0), sharey=True)
    for panel, (head, title) in zip(axes, PANELS, strict=True):
        for place, name in enumerate(names):
            row = part.loc[(head, name)]
            color = "#b5541c" if name == "randomised" else "#1f6f5c"
            ends = [row["to_naive_low"], row["to_naive_high"]]
            panel.plot(ends, [place, place], color=color, linewidth=2)
            panel.plot(row["to_naive"], place, "o", color=color)
        panel.axvline(0.0, color="#888888", linewidth=0.8)
        panel.set_title(title, fontsize=9)
        panel.tick_params(labelsize=8)
        panel.locator_params(axis="x", nbins=5)
    axes[0].set_yticks(range(len(names)), names)
    axes[0].invert_yaxis()
    figure.suptitle(
        "Mean absolute error over all candidates, less that of naive (less is better)", fontsize=10
    )
    figure.tight_layout()
    figure.savefig(path, dpi=130)
    plt.close(figure)
