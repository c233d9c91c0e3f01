"""Figures as inline SVG that takes its colours and its type from the page around it."""

from __future__ import annotations

import io
import re
from typing import Any, Final

import matplotlib as mpl
from markupsafe import Markup, escape
from matplotlib.figure import Figure

PIXELS_PER_INCH: Final = 72
"""SVG units of matplotlib; so a figure of 10 inches is 720 units wide."""

INK, MUTED, RULE, PAPER = "#1c2126", "#66707b", "#dfe3e8", "#fefefd"
SERIES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7")
"""Told apart with any colour vision: Okabe and Ito (2008)."""
DASHES: Final = ((), (7, 2), (2, 1.5), (7, 2, 2, 2))
"""Dashes of a line, in units of its width: a second way to tell lines apart."""
_VARIABLES = {INK: "--ink", MUTED: "--muted", RULE: "--rule", PAPER: "--card"} | {
    colour: f"--series-{index}" for index, colour in enumerate(SERIES, start=1)
}

STYLE: Final[dict[Any, Any]] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "holdfast",
    "font.size": 11,
    "font.family": "DejaVu Sans",
    "text.color": INK,
    "axes.labelcolor": MUTED,
    "axes.labelsize": 11,
    "axes.titlesize": 12,
    "axes.titlelocation": "left",
    "axes.titlepad": 10,
    "axes.titleweight": "bold",
    "axes.edgecolor": RULE,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": RULE,
    "grid.linewidth": 0.8,
    "xtick.color": RULE,
    "ytick.color": RULE,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "xtick.labelsize": 10,
    "ytick.labelsize": 10,
    "xtick.major.pad": 6,
    "ytick.major.pad": 6,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "xtick.minor.size": 0,
    "ytick.minor.size": 0,
    "legend.frameon": False,
    "legend.fontsize": 10.5,
    "lines.linewidth": 2.0,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
}
"""Matplotlib's settings for the figures of a report; to be active while they are drawn."""


def inline_svg(figure: Figure, *, name: str, description: str) -> Markup:
    """The figure as an ``<svg>`` element.

    Args:
        figure: drawn with ``STYLE`` and, for what is to follow the page's theme, only with the colours above.
        name: unique on the page; keeps the ids of several figures apart.
        description: read out in place of the picture.
    """
    buffer = io.StringIO()
    with mpl.rc_context(STYLE):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    text = re.sub(r'(\bid="|url\(#|href="#)', rf"\1{name}-", text)
    text = re.sub(r"font: ((?:\w+ )*)([\d.]+)px [^;\"]+", _font, text)
    text = re.sub(r"font-family: [^;\"]+;? ?", "", text)
    for colour, variable in _VARIABLES.items():
        text = text.replace(colour, f"var({variable})")
    width, height = (PIXELS_PER_INCH * length for length in figure.get_size_inches())
    head = (
        f'<svg class="plot" role="img" aria-label="{escape(description)}" viewBox="0 0 {width:g} {height:g}" '
        f'style="max-width: {width:g}px" xmlns="http://www.w3.org/2000/svg" '
        'xmlns:xlink="http://www.w3.org/1999/xlink">'
    )
    return Markup(head + text[text.index(">") + 1 :].strip())


def css_colour(colour: str) -> str:
    """One of the colours above as a style sheet writes it, so that it follows the page's theme."""
    return f"var({_VARIABLES[colour]})"


def _font(found: re.Match[str]) -> str:
    """Size and weight as drawn; for versions of matplotlib that write the shorthand."""
    weight = "; font-weight: 600" if "bold" in found[1] or re.search(r"\b[6-9]00\b", found[1]) else ""
    return f"font-size: {found[2]}px{weight}"
