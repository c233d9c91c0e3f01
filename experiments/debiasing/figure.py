"""The figure of the comparison: each method's difference to naive, beside the published one."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import pandas as pd

matplotlib.use("Agg")
from matplotlib import pyplot as plt

PUBLISHED = {
    "naive": (0.7429, 0.6173),
    "IPS": (0.7539, 0.6496),
    "SNIPS": (0.7423, 0.6110),
    "DR-JL": (0.7574, 0.6496),
    "MRDR": (0.7590, 0.6502),
    "StableDR": (0.7648, 0.6315),
}
"""AUC and NDCG@5 on Coat, label rating > 3, as Ha et al. (2024), NeurIPS, print them in their table 2."""

PANELS = (
    ("auc", "AUC, difference to naive"),
    ("ndcg@5_or_1", "NDCG@5, difference to naive"),
    ("mse", "squared error, difference to naive (less is better)"),
)


def draw(table: pd.DataFrame, path: Path, *, threshold: float) -> None:
    """Write the figure as PNG; published differences only for the threshold that they were published for."""
    methods = [name for name in table["method"] if name != "naive"]
    rows = table.set_index("method")
    figure, axes = plt.subplots(1, len(PANELS), figsize=(12, 3.2), sharey=True)
    for panel, (measure, title) in zip(axes, PANELS, strict=True):
        for place, name in enumerate(methods):
            row = rows.loc[name]
            low, mean, high = (row[f"{measure}_{end}"] for end in ("low", "diff", "high"))
            panel.plot([low, high], [place, place], color="#1f6f5c", linewidth=2)
            panel.plot(mean, place, "o", color="#1f6f5c", label="here, 95 % over seeds")
            index = {"auc": 0, "ndcg@5_or_1": 1}.get(measure)
            if index is not None and threshold == 3.0 and name in PUBLISHED:
                gain = PUBLISHED[name][index] - PUBLISHED["naive"][index]
                panel.plot(gain, place, "x", color="#b5541c", label="published")
        panel.axvline(0.0, color="#888888", linewidth=0.8)
        panel.set_title(title, fontsize=9)
        panel.tick_params(labelsize=8)
    axes[0].set_yticks(range(len(methods)), methods)
    axes[0].invert_yaxis()
    handles, labels = axes[0].get_legend_handles_labels()
    once = dict(zip(labels, handles, strict=True))
    figure.legend(once.values(), once.keys(), fontsize=8, loc="upper left", frameon=False)
    figure.suptitle(
        f"Coat, rating > {threshold:g}: methods against naive on randomly chosen coats", fontsize=10
    )
    figure.tight_layout()
    figure.savefig(path, dpi=130)
    plt.close(figure)
