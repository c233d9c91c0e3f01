"""The stress part of the page: words that the interval allows, signs, half-lives, figures that draw."""

from __future__ import annotations

import pandas as pd
import pytest

from holdfast.app.report import stress_figures
from holdfast.app.report.content import ReportContent, StressSection, Verdict
from holdfast.app.report.page import build_report
from holdfast.app.report.stress import stress_view, verdict_of

PARTS = {"clean_lift": 8.0, "loss_under_stress": 2.0, "worst_case": 1.0, "decay": 0.0, "miscalibration": 0.5}


def number(value, low=None, high=None):
    return {"value": value, "low": low, "high": high}


def score(value=4.5, low=3.0, high=6.0):
    parts = {name: number(each, each - 0.5, each + 0.5) for name, each in PARTS.items()}
    by_output = {"click": {**number(value, low, high), "parts": parts}}
    extra = {"worst_weight": 0.25, "with_other_worst_weights": {"0": 5.5, "0.5": 3.5}}
    return {**number(value, low, high), "parts": parts, "by_output": by_output, **extra}


def section(**changes):
    ladder = {"kind": "sensor", "drift": "injected", "scored": True, "notes": ["of 3 columns"]}
    summary = {
        "suite": "quick",
        "held_out": False,
        "severities": [2, 5],
        "seeds": [0],
        "level": 0.95,
        "num_resamples": 200,
        "ladders": {"noise": ladder},
        "left_out": {"bots": "there are no rows"},
        "undefined": {"click/auc": ["noise, severity 5, seed 0"]},
        "qualities": {"click": "click/auc"},
        "not_scored": [],
        "ship_score": score(),
        "worst": {
            "click": {"scenario": {"name": "noise, severity 5", "lift": -1.25}, "day": None, "slice": None}
        },
        "half_life": {
            "click": {
                "days": 300.0,
                "low": None,
                "high": None,
                "seen_days": 5.0,
                "note": "",
                "reached": False,
            }
        },
        "corruption_error": {"click": {"mean": 0.9, "relative_mean": None}},
        "slices_left_out": 0,
        "cost": {
            "scenarios": 2,
            "scenarios_there_already": 1,
            "forward_seconds": 2.0,
            "total_seconds": 2.3,
            "ratio": 1.15,
            "worlds_seconds": 0.0,
        },
    } | changes
    names = ["injector", "metric", "output", "severity", "value", "low", "high", "skill", "reference_skill"]
    rows = [
        ("noise", metric, "click", severity, 0.7 - 0.02 * severity, 0.6, 0.8, 40.0 - 4 * severity, 20.0)
        for metric in ("click/auc", "click/calibration")
        for severity in (0, 2, 5)
    ]
    scenarios = pd.DataFrame(rows, columns=names)
    scenarios = scenarios.assign(skill_low=scenarios["skill"] - 3, skill_high=scenarios["skill"] + 3)
    days = pd.DataFrame(
        {
            "model": ["this run", "this run", "retrained"],
            "metric": "click/auc",
            "output": "click",
            "days_since_training": [4, 5, 5],
            "value": [0.7, 0.69, 0.72],
            "low": 0.6,
            "high": 0.8,
            "reference": 0.6,
        }
    )
    return StressSection(scenarios=scenarios, days=days, summary=summary)


@pytest.mark.parametrize(
    ("ends", "words", "tone"),
    [
        ((1.0, 6.0), "worth more than the reference", "good"),
        ((-1.0, 6.0), "cannot be told from the reference", "unclear"),
        ((-9.0, -1.0), "worth less than the reference", "mixed"),
        ((None, None), "without an interval", "unclear"),
    ],
)
def test_the_verdict_says_what_the_interval_allows(ends, words, tone):
    title, found = verdict_of(score(4.5, *ends))
    assert (words in title, found) == (True, tone)


def test_no_score_is_said_in_words():
    assert verdict_of(None)[0].startswith("No ship score")
    view = stress_view(section(ship_score=None))
    assert (view.lines, view.waterfall) == ([], "")


def test_an_output_below_the_reference_takes_the_green_away():
    low = score()
    low["by_output"]["ranking"] = {**number(-3.0, -5.0, -1.0), "parts": low["parts"]}
    view = stress_view(section(ship_score=low))
    assert view.tone == "mixed"
    assert any("Taken alone, ranking would be served better" in each for each in view.sentences)


def test_losses_carry_a_minus_sign_and_their_ends_stay_in_order():
    name, cells = stress_view(section()).lines[0]
    assert name == "click"
    assert [each.value for each in cells] == ["8.0", "−2.0", "−1.0", "0.0", "−0.5", "4.5"]
    assert cells[1].interval == "−2.5 to −1.5"


def test_what_a_reader_must_know_stands_there():
    view = stress_view(section())
    assert view.half_lives == ["click: not reached, and at this slope more than 60 days away"]
    assert view.left_out == [("bots", "there are no rows")]
    assert any("undefined in 1 scenarios" in each for each in view.doubts)
    assert any("one injection seed" in each for each in view.doubts)
    assert view.worst[0].scenario == "noise, severity 5: −1.2"
    assert "1.15 times them" in view.cost
    assert view.successors


def test_the_page_shows_every_suite_and_draws_without_intervals():
    bare = section()
    bare.scenarios[["skill_low", "skill_high", "low", "high"]] = None
    held_out = section(held_out=True, suite="held_out")
    content = ReportContent(title="t", verdict=Verdict(title="v"), stress=[bare, held_out])
    page = build_report(content)
    assert page.count("Ship score 4.5") == 2
    assert "nothing may be chosen or tuned" in page
    assert "Not in this report" in build_report(ReportContent(title="t", verdict=Verdict(title="v")))


def test_a_score_below_zero_and_many_ladders_draw():
    names = ["clean lift", "loss"]
    assert stress_figures.waterfall(names, [-3.0, -2.0], number(-5.0, -6.0, -4.0)).axes
    many = pd.concat([section().scenarios.assign(injector=f"ladder {index}") for index in range(20)])
    assert len(stress_figures.ladders(many).axes) == 20
