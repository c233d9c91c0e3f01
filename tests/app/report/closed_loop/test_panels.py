from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import PolyCollection

from holdfast.app.report.closed_loop.panels import (
    COLOURS,
    MANY_BANDS,
    LineStyle,
    Panel,
    line_styles,
    panel_of,
    small_multiples,
)
from holdfast.app.report.closed_loop.quantities import quantity
from holdfast.app.report.svg import MUTED


def table(values: dict[str, list[float]], *, spread: float = 0.0) -> pd.DataFrame:
    rows = [
        (name, day, value, value - spread, value + spread)
        for name, each in values.items()
        for day, value in enumerate(each)
    ]
    return pd.DataFrame(rows, columns=["contender", "day", "mean", "low", "high"])


def test_contenders_differ_in_colour_or_dash_and_oracles_are_grey() -> None:
    names = [f"c{index}" for index in range(4 * len(COLOURS))]
    styles = line_styles([*names, "oracle", "mark"], sees_truth=("oracle", "mark"))
    looks = {(style.colour, style.dash) for style in styles.values()}
    assert len(looks) == len(styles)
    assert [styles[name].dash for name in names[: len(COLOURS)]] == [()] * len(COLOURS)
    assert {styles["oracle"].colour, styles["mark"].colour} == {MUTED}
    assert MUTED not in {styles[name].colour for name in names}
    assert line_styles([], sees_truth=()) == {}


def test_a_style_follows_the_theme_in_the_legend_too() -> None:
    css = LineStyle(colour=COLOURS[0], dash=(2, 1.5), width=2.0).css
    assert css == "stroke:var(--series-1);stroke-width:2;stroke-dasharray:4 3"
    assert "stroke-dasharray:none" in LineStyle(colour=COLOURS[-1], dash=()).css


def test_a_line_a_contender_a_mark_a_night_and_a_gap_where_nothing_is_known() -> None:
    shown = Panel(title="Click rate", table=table({"a": [0.1, np.nan, 0.3, 0.2], "b": [0.2] * 4}))
    styles = line_styles(["a", "b"], sees_truth=())
    (place,) = small_multiples([shown], styles=styles, nights=[2]).axes
    night, a, alone, b = place.lines
    assert set(night.get_xdata()) == {1.5}
    np.testing.assert_array_equal(a.get_ydata(), [0.1, np.nan, 0.3, 0.2])
    np.testing.assert_array_equal(alone.get_ydata(), [0.1])
    assert alone.get_marker() == "o"
    assert b.get_color() == styles["b"].colour
    assert not any(isinstance(each, PolyCollection) for each in place.collections), "no band without width"


def test_bands_are_drawn_while_there_are_few() -> None:
    for count in (MANY_BANDS, MANY_BANDS + 1):
        names = [f"c{index}" for index in range(count)]
        shown = Panel(title="x", table=table({name: [1.0, 2.0] for name in names}, spread=0.5))
        (place,) = small_multiples([shown], styles=line_styles(names, sees_truth=())).axes
        bands = [each for each in place.collections if isinstance(each, PolyCollection)]
        assert len(bands) == (count if count <= MANY_BANDS else 0)


def test_hours_are_shown_for_seconds() -> None:
    shown = panel_of(quantity("dwell_seconds"), table({"a": [3600.0, 7200.0]}, spread=360.0))
    assert shown.title.endswith("hours")
    np.testing.assert_allclose(shown.table["mean"], [1.0, 2.0])
    np.testing.assert_allclose(shown.table["low"], [0.9, 1.9])


@pytest.mark.parametrize(("most", "scale"), [(1.5, "linear"), (9.0, "log")])
def test_a_wide_ratio_is_drawn_on_a_logarithmic_axis(most: float, scale: str) -> None:
    shown = Panel(title="Click", table=table({"a": [0.9, most, np.nan]}), level=1.0, ratio=True)
    (place,) = small_multiples([shown], styles=line_styles(["a"], sees_truth=())).axes
    assert place.get_yscale() == scale
    assert set(place.lines[0].get_ydata()) == {1.0}


def test_a_share_never_promises_more_than_all_of_it() -> None:
    shown = Panel(title="Coverage", table=table({"a": [0.1, 1.0]}), unit="share")
    (place,) = small_multiples([shown], styles=line_styles(["a"], sees_truth=())).axes
    low, high = place.get_ylim()
    assert low >= -0.02
    assert high <= 1.02


@pytest.mark.parametrize("values", [[1.0], [np.nan], [0.0, 0.0]])
def test_little_or_nothing_can_be_drawn(values: list[float]) -> None:
    shown = [Panel(title="x", table=table({"a": values}), unit=unit) for unit in ("number", "share")]  # type: ignore[arg-type]
    figure = small_multiples(shown, styles=line_styles(["a"], sees_truth=()), nights=[0])
    assert len(figure.axes) == 2


@pytest.mark.parametrize("values", [[0.05, 0.13], [0.61, 0.64], [0.9801, 0.9819], [0.0, 1.0]])
def test_ticks_of_shares_say_what_they_stand_at(values: list[float]) -> None:
    shown = Panel(title="Click rate", table=table({"a": values}), unit="share")
    (place,) = small_multiples([shown], styles=line_styles(["a"], sees_truth=())).axes
    ticks = place.get_yticks()
    words = [place.yaxis.get_major_formatter()(tick).removesuffix(" %") for tick in ticks]
    said = [float(each.replace("\N{MINUS SIGN}", "-")) for each in words]
    np.testing.assert_allclose(said, 100 * ticks, atol=1e-6)
