from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

import matplotlib as mpl
from matplotlib.figure import Figure

from holdfast.app.report.svg import INK, PAPER, SERIES, STYLE, inline_svg


def drawn() -> Figure:
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(5, 3), dpi=72)
        panel = figure.add_subplot()
        panel.plot([0, 1], [0, 1], "o-", color=SERIES[0], markeredgecolor=PAPER)
        panel.set_title("A & B")
    return figure


def test_it_is_whole_and_its_text_stays_text() -> None:
    text = str(inline_svg(drawn(), name="one", description='says "so" & more'))
    root = ElementTree.fromstring(text)
    assert root.get("viewBox") == "0 0 360 216"
    assert root.get("aria-label") == 'says "so" & more'
    assert "A &amp; B" in text
    assert "font-family" not in text


def test_colours_come_from_the_page() -> None:
    text = str(inline_svg(drawn(), name="one", description=""))
    assert "var(--series-1)" in text
    assert "var(--rule)" in text
    assert not any(colour in text for colour in (INK, PAPER, *SERIES))


def test_ids_of_two_figures_differ_and_every_reference_is_met() -> None:
    texts = [str(inline_svg(drawn(), name=name, description="")) for name in ("one", "two")]
    ids = [set(re.findall(r'\bid="([^"]+)"', text)) for text in texts]
    assert not ids[0] & ids[1]
    references = set(re.findall(r'(?:url\(#|href="#)([^)"]+)', texts[0]))
    assert references
    assert references <= ids[0]


def test_the_same_figure_gives_the_same_bytes() -> None:
    first, second = (inline_svg(drawn(), name="one", description="") for _ in range(2))
    assert first == second
