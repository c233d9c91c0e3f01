"""The report's picture of how objectives were weighed, and of conflicts between them."""

from __future__ import annotations

import matplotlib as mpl
import pandas as pd
from markupsafe import Markup, escape
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from holdfast.app.balance_table import balance_table
from holdfast.app.report import numerals
from holdfast.app.report.content import LearningSection
from holdfast.app.report.plots import MANY_POINTS, panels
from holdfast.app.report.svg import DASHES, MUTED, SERIES, STYLE, inline_svg


def balance_view(section: LearningSection) -> Markup:
    """A figure and a sentence; empty where the weights never changed."""
    table = balance_table(section.curves)
    if table.empty:
        return Markup("")
    figure = balance_figure(table, best_epoch=section.best_epoch)
    drawn = inline_svg(figure, name="balance", description="weights of the objectives by epoch")
    return Markup(f'<p class="lead">{escape(_words(table, section.best_epoch))}</p>\n') + drawn


def balance_figure(table: pd.DataFrame, *, best_epoch: int | None) -> Figure:
    """Weights by epoch and, where gradients were compared, cosines; see ``balance_table``."""
    cosines = table[table["quantity"] == "cosine"]
    with mpl.rc_context(STYLE):
        figure, places = panels(1 if cosines.empty else 2, height=220)
        _lines(places[0], table[table["quantity"] == "weight"], best_epoch)
        places[0].set_title("Weights of the objectives")
        places[0].set_ylabel("mean weight")
        if not cosines.empty:
            places[1].axhline(0.0, color=MUTED, linewidth=1)
            _lines(places[1], cosines, best_epoch)
            places[1].set_title("Agreement of their gradients")
            places[1].set_ylabel("mean cosine")
    return figure


def _lines(panel: Axes, table: pd.DataFrame, best_epoch: int | None) -> None:
    names = table["objective"].where(table["other"] == "", table["objective"] + " and " + table["other"])
    for index, (name, rows) in enumerate(table.groupby(names, sort=False)):
        panel.plot(
            rows["epoch"],
            rows["value"],
            color=SERIES[index % len(SERIES)],
            dashes=DASHES[index % len(DASHES)],
            marker="o" if len(rows) <= MANY_POINTS else "",
            markersize=4,
            label=str(name),
        )
    if best_epoch is not None:
        panel.axvline(best_epoch, color=MUTED, linewidth=1, linestyle=(0, (1, 2)))
    panel.set_xlabel("epoch")
    panel.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    panel.margins(y=0.15)
    panel.legend(loc="best")


def _words(table: pd.DataFrame, best_epoch: int | None) -> str:
    text = "Weights are means over the batches of an epoch; epochs are judged with fixed weights."
    share = table[(table["quantity"] == "conflict_share") & (table["epoch"] == best_epoch)]["value"].dropna()
    if len(share):
        text += (
            f" In {numerals.percent(float(share.iloc[0]))} of the batches of the epoch that was kept, two "
            "gradients opposed each other."
        )
    return text
