"""How a mixture's gates share out its experts, drawn from the epochs' table."""

from __future__ import annotations

import math

import matplotlib as mpl
import pandas as pd
from markupsafe import Markup, escape
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator, NullLocator

from holdfast.app.report.content import LearningSection
from holdfast.app.report.plots import FULL_WIDTH, MANY_POINTS, figure_of
from holdfast.app.report.svg import DASHES, INK, MUTED, SERIES, STYLE, inline_svg
from holdfast.core.gates import ENTROPY, PREFIX, SHARED, gate_use

Use = dict[str, dict[str, float]]
ROOMY = 7
"""Above this number of experts their names are written smaller, and above twice as many upright."""


_CAPTION = (
    "Left: how evenly each gate spreads its weights, from 0 (one expert alone) to 1 (all alike), by epoch. "
    "Right: the mean weight that each gate (row) gives to each expert (column) over the validation window; "
    "a dot: out of the gate's reach."
)


def gates_view(section: LearningSection) -> Markup:
    """A figure with its captions; empty where the model has no gates."""
    curves = section.curves
    if curves.empty or not any(str(name).startswith(f"{PREFIX}/") for name in curves.columns):
        return Markup("")
    drawn = inline_svg(
        gate_figure(curves, best_epoch=section.best_epoch),
        name="gates",
        description="entropy of the gates by epoch, and the mean weight of each expert in each gate",
    )
    return (
        Markup('<figure class="wide"><figcaption>Who uses which expert</figcaption>\n')
        + drawn
        + Markup(f'<figcaption class="below">{escape(_CAPTION)}</figcaption></figure>')
    )


def gate_figure(curves: pd.DataFrame, *, best_epoch: int | None) -> Figure:
    """For each level of experts, the gates' entropy by epoch, and who uses what in the epoch kept.

    Args:
        curves: ``epoch``, and ``gates/GATE/EXPERT`` and ``gates/GATE/entropy``; one row an epoch.
        best_epoch: the epoch whose weights were kept; the last one where there is none.
    """
    kept = curves.loc[curves["epoch"] == best_epoch]
    row = kept.iloc[0] if len(kept) else curves.iloc[-1]
    levels = _by_level(gate_use({str(name): float(value) for name, value in row.items()}))
    heights = [96 + 34 * max(len(use), 2) for use in levels.values()]
    with mpl.rc_context(STYLE):
        figure = figure_of(FULL_WIDTH, sum(heights) + 30)
        grid = figure.add_gridspec(len(levels), 2, width_ratios=(2, 3), height_ratios=heights)
        for place, (level, use) in enumerate(levels.items()):
            entropies, shares = (figure.add_subplot(grid[place, column]) for column in range(2))
            said = f"{level.replace('_', ' ')}: " if level else ""
            _entropies(entropies, curves, level, list(use), best_epoch)
            entropies.set_title(_sentence(f"{said}evenness of the gates"))
            _shares(shares, use)
            shares.set_title(_sentence(f"{said}mean weight of experts, epoch {int(row['epoch'])}"))
    return figure


def _by_level(use: Use) -> dict[str, Use]:
    levels: dict[str, Use] = {}
    for name, of_gate in use.items():
        level, _, gate = name.rpartition("/")
        levels.setdefault(level, {})[gate] = of_gate
    return levels


def _entropies(
    panel: Axes, curves: pd.DataFrame, level: str, gates_here: list[str], best_epoch: int | None
) -> None:
    for index, gate in enumerate(gates_here):
        name = "/".join(part for part in (PREFIX, level, gate, ENTROPY) if part)
        panel.plot(
            curves["epoch"],
            curves[name],
            color=SERIES[index % len(SERIES)],
            dashes=DASHES[index % len(DASHES)],
            marker="o" if len(curves) <= MANY_POINTS else "",
            markersize=4,
            label=gate,
        )
    if best_epoch is not None:
        panel.axvline(best_epoch, color=MUTED, linewidth=1, linestyle=(0, (1, 2)))
    panel.set_ylim(-0.02, 1.05)
    panel.set_ylabel("entropy")
    panel.set_xlabel("epoch")
    panel.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    panel.legend(loc="best", ncols=2, handlelength=1.8)


def _shares(panel: Axes, use: Use) -> None:
    named = dict.fromkeys(name for of_gate in use.values() for name in of_gate if name != ENTROPY)
    # What belongs to all stands behind what belongs to one.
    experts = sorted(named, key=lambda name: name.startswith(SHARED))
    for row, of_gate in enumerate(use.values()):
        for column, expert in enumerate(experts):
            weight = of_gate.get(expert, math.nan)
            if math.isnan(weight):
                panel.text(column, row, "·", ha="center", va="center", color=MUTED)
                continue
            # Never so dark that the number on it could not be read, in a light page and in a dark one.
            shade = Rectangle(
                (column - 0.48, row - 0.44), 0.96, 0.88, color=SERIES[0], alpha=0.6 * weight, linewidth=0
            )
            panel.add_patch(shade)
            panel.text(column, row, f"{weight:.2f}", ha="center", va="center", color=INK, fontsize=10)
    panel.set_xlim(-0.5, len(experts) - 0.5)
    panel.set_ylim(len(use) - 0.5, -0.5)
    panel.set_xticks(range(len(experts)), ["\n".join(name.rsplit("_", 1)) for name in experts])
    panel.set_yticks(range(len(use)), list(use))
    panel.tick_params(axis="y", labelcolor=INK)
    if len(experts) > ROOMY:
        panel.tick_params(axis="x", labelsize=8, rotation=0 if len(experts) <= 2 * ROOMY else 90)
    panel.xaxis.set_minor_locator(NullLocator())
    panel.grid(visible=False)
    for side in ("left", "bottom"):
        panel.spines[side].set_visible(False)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
