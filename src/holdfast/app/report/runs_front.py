"""A page for several runs as points: which are beaten in everything, and what it costs to prefer one."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from markupsafe import Markup, escape
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from holdfast.app.report.plots import panels
from holdfast.app.report.svg import INK, MUTED, PAPER, SERIES, STYLE, inline_svg

if TYPE_CHECKING:
    from holdfast.app.pareto_of_runs import RunsFront


def runs_front_page(front: RunsFront) -> str:
    """The front as one HTML document: style and figure inline, nothing from the network."""
    style = files("holdfast.app.report").joinpath("style.css").read_text(encoding="utf-8")
    names = [name.removeprefix("-") for name in front.metrics]
    head = "".join(f'<th class="value">{escape(_worded(name))}</th>' for name in front.metrics)
    rows = "".join(_row(row, names) for row in _numbered(front.table).to_dict("records"))
    figure = inline_svg(runs_figure(front), name="runs", description="runs by their metrics")
    reference = ", ".join(f"{each:g}" for each in front.reference)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{len(front.table)} runs</title>
<link rel="icon" href="data:,">
<style>
{Markup(style)}
</style>
</head>
<body>
<main>
<header><p class="kind">Holdfast front</p><h1>{int(front.table["on_front"].sum())} of {len(front.table)} runs
are beaten by no other</h1></header>
<section>
<p class="lead">A run is beaten where another one is at least as good in every metric and better in one.
Lines are intervals over users, of one seed: runs whose lines overlap may change places with the next seed.
The front covers {front.hypervolume:.4g} from the reference point ({reference}), in the metrics' units
multiplied.</p>
<figure class="wide">{figure}<figcaption class="below">Numbers are those of the table.</figcaption></figure>
<div class="scroll"><table class="metrics"><thead><tr><th>No.</th><th>Run</th>{head}</tr></thead>
<tbody>{rows}</tbody></table></div>
</section>
</main>
</body>
</html>
"""


def runs_figure(front: RunsFront) -> Figure:
    """The first metric against each other one, a numbered point a run, with intervals."""
    names = [name.removeprefix("-") for name in front.metrics]
    table = _numbered(front.table)
    with mpl.rc_context(STYLE):
        figure, places = panels(len(names) - 1, height=340)
        for panel, name in zip(places, names[1:], strict=True):
            for kept, colour, label in ((False, MUTED, "beaten"), (True, SERIES[0], "on the front")):
                rows = table[table["on_front"] == kept]
                _whiskers(panel, rows, names[0], name, colour)
                panel.plot(
                    rows[names[0]],
                    rows[name],
                    "o",
                    color=colour,
                    markeredgecolor=PAPER,
                    markersize=8,
                    label=label,
                )
            for row in table.to_dict("records"):
                panel.annotate(
                    str(row["number"]),
                    (row[names[0]], row[name]),
                    xytext=(7, 6),
                    textcoords="offset points",
                    fontsize=10,
                    color=INK,
                )
            panel.set_xlabel(_worded(front.metrics[0]))
            panel.set_title(_worded(front.metrics[names.index(name)]))
            panel.margins(x=0.12, y=0.12)
            for axis in (panel.xaxis, panel.yaxis):
                axis.set_major_locator(MaxNLocator(nbins=5))
        places[0].legend(loc="lower left")
    return figure


def _whiskers(panel: mpl.axes.Axes, rows: pd.DataFrame, across: str, up: str, colour: str) -> None:
    ends = [f"{name}_{end}" for name in (across, up) for end in ("low", "high")]
    left, right, low, high = (rows[name].astype(float) for name in ends)
    panel.hlines(rows[up], left, right, color=colour, linewidth=1.0, alpha=0.5)
    panel.vlines(rows[across], low, high, color=colour, linewidth=1.0, alpha=0.5)


def _numbered(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(number=np.arange(1, len(table) + 1))


def _row(row: Mapping[Any, Any], names: list[str]) -> str:
    cells = "".join(_cell(row, name) for name in names)
    beaten = "" if row["on_front"] else ' <span class="interval">beaten</span>'
    about = f"{row['name']}, seed {row['seed']}, {row['fusion']}"
    return (
        f"<tr><td>{row['number']}</td><td>{escape(str(row['run']))}{beaten}"
        f'<span class="meaning">{escape(about)}</span></td>{cells}</tr>'
    )


def _cell(row: Mapping[Any, Any], name: str) -> str:
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    known = isinstance(low, float) and isinstance(high, float) and low == low
    interval = f'<span class="interval">{low:.4g} to {high:.4g}</span>' if known else ""
    return f'<td class="value"><span class="figure">{row[name]:.4g}</span>{interval}</td>'


def _worded(name: str) -> str:
    return f"{name[1:]} (less is better)" if name.startswith("-") else name
