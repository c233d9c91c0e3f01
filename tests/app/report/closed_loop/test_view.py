from __future__ import annotations

from dataclasses import replace
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from holdfast.app.report.closed_loop.quantities import DRAWN, GROUPS, KNOWN
from holdfast.app.report.closed_loop.view import LoopView, loop_view
from holdfast.app.report.content import ClosedLoopSection

KEYS = ["seed", "contender", "day", "policy", "value_so_far"]
"""What a section cannot do without."""


def titles(view: LoopView) -> list[str]:
    return [part.title for part in view.parts]


def test_every_quantity_has_its_panel_and_its_place(closed_loop: ClosedLoopSection) -> None:
    view = loop_view(closed_loop)
    assert titles(view) == [
        "Value",
        "Users",
        "Satisfaction",
        "Clicks and dwell",
        "Calibration of what was shown",
        "Diversity",
        "Further quantities",
    ]
    drawn = " ".join(str(part.figure) for part in view.parts)
    assert [KNOWN[name].title for name in DRAWN if f">{KNOWN[name].title}<" not in drawn] == []
    assert all(words.group in GROUPS for words in KNOWN.values())
    assert "Value so far, less the reference&#x27;s" in drawn or "less the reference's" in drawn
    assert [entry.name for entry in view.legend if entry.sees_truth] == ["long_term_oracle"]
    assert len({entry.css for entry in view.legend}) == 4
    assert not view.without_calibration


def test_it_says_how_to_read_it(closed_loop: ClosedLoopSection) -> None:
    view = loop_view(replace(closed_loop, days=closed_loop.days[KEYS], calibration=pd.DataFrame()))
    assert view.facts == (
        "4 contenders, each alone, served days 20 to 27 of 3 worlds, one a seed. "
        "All start from the same morning and meet the same luck."
    )
    assert "from the lowest seed to the highest" in view.reading
    assert "The reference is “uniform”." in view.reading
    assert "nights in which “retrained” was trained again" in view.reading
    assert "nobody came" not in view.reading
    assert "means over 3 seeds with 95 % t-intervals" in view.intervals


def test_one_contender_one_seed_one_day(made_content: ModuleType) -> None:
    days = made_content.loop_days(seeds=(7,), level={"alone": 1.0}, num_days=1)
    view = loop_view(ClosedLoopSection(days=days.drop(columns="regret")))
    assert view.facts == "One contender served day 20 of one world."
    assert view.reading == ""
    assert view.without_calibration
    assert view.intervals == ""
    assert titles(view) == ["Value", "Users", "Satisfaction", "Clicks and dwell", "Diversity"]
    assert "less the reference" not in str(view.parts[0].figure)


def test_days_when_nobody_came_are_gaps(closed_loop: ClosedLoopSection) -> None:
    days = closed_loop.days.copy()
    empty = days["day"].isin([22, 24])
    days.loc[empty, ["requests", "impressions", "clicks"]] = 0
    days.loc[empty, ["click_rate", "dwell_mean", "gini", "visitor_satisfaction", "user_concentration"]] = (
        np.nan
    )
    some = [*KEYS, "requests", "click_rate", "gini"]
    view = loop_view(replace(closed_loop, days=days[some], calibration=pd.DataFrame()))
    assert "A gap is a day on which nobody came." in view.reading
    nothing = days[KEYS].assign(value_so_far=np.nan)
    view = loop_view(ClosedLoopSection(days=nothing))
    assert view.verdict.title == "The closed loop cannot tell"
    assert "Value" not in titles(view)


@pytest.mark.parametrize("which", ["none", "unknown"])
def test_without_predictions_there_is_no_calibration(closed_loop: ClosedLoopSection, which: str) -> None:
    table = closed_loop.calibration
    table = table.head(0) if which == "none" else table.assign(observed=np.nan)
    view = loop_view(replace(closed_loop, calibration=table, days=closed_loop.days[KEYS]))
    assert view.without_calibration
    assert "Calibration of what was shown" not in titles(view)


def test_the_reference_is_that_of_the_differences_else_the_first(closed_loop: ClosedLoopSection) -> None:
    other = closed_loop.differences.assign(reference="trained")
    few = replace(closed_loop, days=closed_loop.days[KEYS], calibration=pd.DataFrame())
    assert "The reference is “trained”." in loop_view(replace(few, differences=other)).reading
    without = replace(few, differences=pd.DataFrame())
    assert "The reference is “uniform”." in loop_view(without).reading


def test_the_same_section_gives_the_same_figures(closed_loop: ClosedLoopSection) -> None:
    few = replace(closed_loop, days=closed_loop.days[KEYS], calibration=pd.DataFrame())
    assert loop_view(few) == loop_view(few)
