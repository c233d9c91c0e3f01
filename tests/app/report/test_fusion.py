from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from holdfast.app.report.fusion import front_figure, fusion_view


@pytest.fixture(scope="module")
def section():
    path = Path(__file__).parent / "made_content.py"
    spec = importlib.util.spec_from_file_location("made_content_for_fusion", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.fusion()


def test_what_was_fitted_is_told(section):
    view = fusion_view(section)
    assert view.facts == [
        ("Click", "temperature 1.31, from 8,123 known rows, 2 slices"),
        ("Dwell", "not calibrated: this run predicts none"),
        ("Fusion, learned weights", "click 1, dwell 0.125"),
    ]
    assert view.segments == [("north", "1,234", "click 1, dwell 0.125")]
    assert view.notes == ["Learned from 1,777 requests."]
    assert view.volume == "52.3% on validation and 49.1% on test"


def test_points_are_told_in_order_with_both_windows_and_what_to_type(section):
    view = fusion_view(section)
    assert [line["number"] for line in view.lines] == [1, 2, 3, 4]
    assert view.lines[1]["point"] == "click 60%, dwell 40%"
    assert view.lines[1]["override"] == "fusion.weights={click:1,dwell:0.25}"
    assert view.lines[2]["point"] == "this run's fusion"
    assert [line["beaten"] for line in view.lines] == [False, False, True, False]
    # Gains span 0.1 and 4.6: as many digits as tell points apart.
    assert view.lines[0]["cells"][0] == {"validation": "0.31", "test": "0.30", "interval": "0.29 to 0.31"}
    assert view.lines[0]["cells"][1] == {"validation": "13.2", "test": "13.0", "interval": "12.0 to 14.0"}


def test_the_figure_has_a_panel_a_pair_and_every_number(section):
    figure = front_figure(section.front, ["click", "dwell"])
    (panel,) = figure.axes
    assert sorted(text.get_text() for text in panel.texts) == ["1", "2", "3", "4"]
    assert panel.get_title(loc="left") == "Seconds against clicks"
    drawn = sum(len(line.get_xdata()) for line in panel.lines)
    assert drawn == len(section.front)


def test_a_front_that_test_could_not_measure_is_drawn_all_the_same(section):
    validation = section.front.drop(columns=[name for name in section.front if name.startswith("test_")])
    view = fusion_view(replace(section, front=validation))
    assert view.lines[0]["cells"][0]["interval"] == ""
    unnumbered = validation.assign(number=pd.array([pd.NA] * len(validation), dtype="Int64"))
    view = fusion_view(replace(section, front=unnumbered))
    assert view.figure
    assert view.lines == []


def test_without_a_front_it_says_why(section):
    view = fusion_view(replace(section, front=pd.DataFrame(), why_not="the run has one objective"))
    assert (view.figure, view.lines, view.why_not) == ("", [], "the run has one objective")
    untouched = fusion_view(replace(section, fitted=None))
    assert (untouched.facts, untouched.notes, untouched.segments) == ([], [], [])


def test_before_and_after_calibration_are_told_with_a_verdict(section):
    row = {"objective": "click", "measure": "log loss", "before": 0.41234, "after": 0.4, "change": -0.01234}
    row |= {"ratio_before": 1.3, "ratio_after": 1.01, "num_rows": 1234}
    ends = [(-0.02, -0.01), (-0.02, 0.01), (0.01, 0.02), (float("nan"), float("nan"))]
    effect = pd.DataFrame([{**row, "low": low, "high": high} for low, high in ends])
    lines = fusion_view(replace(section, effect=effect)).effects
    assert [line["verdict"] for line in lines] == [
        "better",
        "no difference that the users of test can tell",
        "WORSE",
        "no interval",
    ]
    same = pd.DataFrame([{**row, "low": 0.0, "high": 0.0, "changed": changed} for changed in (False, True)])
    told = [line["verdict"] for line in fusion_view(replace(section, effect=same)).effects]
    assert told == [
        "not calibrated: its predictions are as they were",
        "no difference that the users of test can tell",
    ]
    first = {key: lines[0][key] for key in ("head", "before", "change", "interval", "ratio", "rows")}
    assert first == {
        "head": "Click",
        "before": "0.41234",
        "change": "-0.012",
        "interval": "-0.02 to -0.01",
        "ratio": "1.300 to 1.010",
        "rows": "1,234",
    }
