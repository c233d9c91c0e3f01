"""The figures of the closed loop: a panel a quantity, a line a contender, a band over seeds."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator, PercentFormatter, ScalarFormatter

from holdfast.app.report.closed_loop.quantities import SECONDS_IN_AN_HOUR, Quantity, Unit
from holdfast.app.report.plots import panels
from holdfast.app.report.svg import DASHES, INK, MUTED, SERIES, STYLE, css_colour

COLOURS = (*SERIES, INK)
"""Of those who have to find out for themselves; the lighter ``MUTED`` is for those who are told."""
MANY_BANDS = 5
"""With more contenders than this, bands would hide the lines and are left out."""
WIDE_RATIO = 4.0
"""Ratios that differ by more than this factor are drawn on a logarithmic axis."""


@dataclass(frozen=True, kw_only=True)
class LineStyle:
    """How a contender looks, in every panel and in the legend."""

    colour: str
    dash: tuple[float, ...]
    width: float = 1.9

    @property
    def linestyle(self) -> Any:
        """As matplotlib wants it."""
        return (0, self.dash) if self.dash else "solid"

    @property
    def css(self) -> str:
        """As a style sheet wants it."""
        dashes = " ".join(f"{self.width * length:g}" for length in self.dash) or "none"
        return f"stroke:{css_colour(self.colour)};stroke-width:{self.width:g};stroke-dasharray:{dashes}"


@dataclass(frozen=True, kw_only=True)
class Panel:
    """What a panel shows.

    Attributes:
        title: above it.
        table: ``contender``, ``day``, ``mean``, ``low``, ``high``.
        unit: of the values.
        level: where a line is drawn across, such as 1 for what is calibrated.
        ratio: whether half and double are equally far from 1.
    """

    title: str
    table: pd.DataFrame
    unit: Unit = "number"
    level: float | None = None
    ratio: bool = False


def panel_of(words: Quantity, table: pd.DataFrame) -> Panel:
    """The panel of a quantity."""
    if words.unit == "hours":
        table = table.assign(**{name: table[name] / SECONDS_IN_AN_HOUR for name in ("mean", "low", "high")})
    return Panel(title=words.title, table=table, unit=words.unit)


def line_styles(contenders: Sequence[str], *, sees_truth: Collection[str]) -> dict[str, LineStyle]:
    """A look for each contender: colours first, then dashes; grey dashes for those who are told the truth."""
    styles, candidates, marks = {}, 0, 0
    for name in contenders:
        if name in sees_truth:
            styles[name] = LineStyle(colour=MUTED, dash=DASHES[1 + marks % (len(DASHES) - 1)])
            marks += 1
        else:
            dash = DASHES[candidates // len(COLOURS) % len(DASHES)]
            styles[name] = LineStyle(colour=COLOURS[candidates % len(COLOURS)], dash=dash)
            candidates += 1
    return styles


def small_multiples(
    shown: Sequence[Panel], *, styles: Mapping[str, LineStyle], nights: Iterable[int] = ()
) -> Figure:
    """Panels over the same days; a day without a value is a gap in the line.

    Args:
        shown: at least one.
        styles: of every contender in the tables.
        nights: days before which somebody was trained again.
    """
    nights = list(nights)
    with mpl.rc_context(STYLE):
        figure, places = panels(len(shown), height=190)
        for place, panel in zip(places, shown, strict=True):
            for night in nights:
                place.axvline(night - 0.5, color=MUTED, linewidth=0.9, linestyle=(0, (1, 2)), zorder=0.9)
            if panel.level is not None:
                place.axhline(panel.level, color=MUTED, linewidth=1.2, zorder=0.9)
            for name, rows in panel.table.groupby("contender", sort=False):
                _line(place, rows.sort_values("day"), styles[str(name)], band=len(styles) <= MANY_BANDS)
            place.set_title(panel.title)
            place.margins(x=0.03, y=0.12)
            place.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=7))
            _value_axis(place, panel)
        for place in places[-2:]:
            place.set_xlabel("day")
    return figure


def _line(place: Axes, rows: pd.DataFrame, style: LineStyle, *, band: bool) -> None:
    day, mean = rows["day"].to_numpy(), rows["mean"].to_numpy(dtype=float)
    low, high = rows["low"].to_numpy(dtype=float), rows["high"].to_numpy(dtype=float)
    if band and np.nanmax(high - low, initial=0.0) > 0:
        place.fill_between(day, low, high, color=style.colour, alpha=0.13, linewidth=0)
    place.plot(day, mean, color=style.colour, linestyle=style.linestyle, linewidth=style.width)
    alone = _alone(mean)
    if alone.any():
        place.plot(day[alone], mean[alone], "o", color=style.colour, markersize=4)
        if band:
            place.vlines(day[alone], low[alone], high[alone], color=style.colour, linewidth=1.2)


def _alone(values: np.ndarray[Any, np.dtype[np.float64]]) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Values between two gaps, of which a line shows nothing."""
    known = np.concatenate([[False], np.isfinite(values), [False]])
    return np.asarray(known[1:-1] & ~known[:-2] & ~known[2:])


def _value_axis(place: Axes, panel: Panel) -> None:
    values = panel.table["mean"].to_numpy(dtype=float)
    values = values[np.isfinite(values)]
    if panel.ratio and values.size and values.min() > 0 and values.max() / values.min() > WIDE_RATIO:
        place.set_yscale("log")
        place.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        place.yaxis.set_minor_locator(NullLocator())
        return
    # Steps of a quarter would be rounded by the labels of shares.
    place.yaxis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 5, 10]))
    if panel.unit == "share":
        low, high = place.get_ylim()
        low, high = max(low, -0.02), min(high, 1.02)
        place.set_ylim(low, high)
        decimals = 0 if high - low > 0.05 else 1 if high - low > 0.005 else 2
        place.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=decimals, symbol=" %"))
    elif values.size and np.abs(values).max() >= 1000:
        place.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    else:
        plain = ScalarFormatter(useOffset=False)
        place.yaxis.set_major_formatter(plain)
