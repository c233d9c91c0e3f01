"""The stress part of the page: words that the interval allows, signs, half-lives, figures that draw."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from holdfast.app.report import stress_figures
from holdfast.app.report.content import ReportContent, Verdict
from holdfast.app.report.page import build_report
from holdfast.app.report.stress import stress_view, verdict_of
from holdfast.app.report.stress_words import cost_of


@pytest.mark.parametrize(
    ("ends", "words", "tone"),
    [
        ((1.0, 6.0), "worth more than the reference", "good"),
        ((-1.0, 6.0), "cannot be told from the reference", "unclear"),
        ((-9.0, -1.0), "worth less than the reference", "mixed"),
        ((None, None), "without an interval", "unclear"),
    ],
)
def test_the_verdict_says_what_the_interval_allows(made_stress, ends, words, tone):
    title, found = verdict_of(made_stress.score(4.5, *ends))
    assert (words in title, found) == (True, tone)


def test_no_score_is_said_in_words(made_stress):
    assert verdict_of(None)[0].startswith("No ship score")
    view = stress_view(made_stress.section(ship_score=None))
    assert (view.lines, view.waterfall) == ([], "")


def test_an_output_below_the_reference_takes_the_green_away(made_stress):
    low = made_stress.score()
    low["by_output"]["ranking"] = {**made_stress.number(-3.0, -5.0, -1.0), "parts": low["parts"]}
    view = stress_view(made_stress.section(ship_score=low))
    assert view.tone == "mixed"
    assert any("Taken alone, ranking would be served better" in each for each in view.sentences)


def test_losses_carry_a_minus_sign_and_their_ends_stay_in_order(made_stress):
    name, cells = stress_view(made_stress.section()).lines[0]
    assert name == "click"
    assert [each.value for each in cells] == ["8.0", "−2.0", "−1.0", "0.0", "−0.5", "4.5"]
    assert cells[1].interval == "−2.5 to −1.5"


def test_what_a_reader_must_know_stands_there(made_stress):
    view = stress_view(made_stress.section())
    assert view.half_lives == ["click: not reached, and at this slope more than 60 days after training"]
    assert view.errors == [("click", "0.90", "not defined (1 of 1 ladders without a ratio)")]
    assert any("Measured by 0123456789ab (version 2 of the score)" in each for each in view.sentences)
    assert view.left_out == [("bots", "there are no rows")]
    assert any("undefined in 1 scenarios" in each for each in view.doubts)
    assert any("one injection seed" in each for each in view.doubts)
    assert view.worst[0].scenario == "noise, severity 5: −1.2"
    assert "1.15 times them" in view.cost
    assert view.successors


def test_a_decay_that_is_not_judged_is_said(made_stress):
    assert not any("not judged" in each for each in stress_view(made_stress.section()).sentences)
    score = made_stress.score() | {"without_decay": ["click"]}
    assert any(
        "not judged for click" in each
        for each in stress_view(made_stress.section(ship_score=score)).sentences
    )


def test_the_page_shows_every_suite_and_draws_without_intervals(made_stress):
    bare = made_stress.section()
    bare.scenarios[["skill_low", "skill_high", "low", "high"]] = None
    held_out = made_stress.section(held_out=True, suite="held_out")
    content = ReportContent(title="t", verdict=Verdict(title="v"), stress=[bare, held_out])
    page = build_report(content)
    assert page.count("Ship score 4.5") == 2
    assert "nothing may be chosen or tuned" in page
    assert "Not in this report" in build_report(ReportContent(title="t", verdict=Verdict(title="v")))


def test_how_strong_a_ladder_came_out_stands_below_its_rungs_and_in_a_table(made_stress):
    section = made_stress.section()
    line = stress_view(section).strength[0]
    assert (line.areas, line.change, line.size) == ([".61", ".87"], "click 0.071", "1,200")
    panel = stress_figures.ladders(section.scenarios, section.strength).axes[0]
    assert [each.get_text() for each in panel.get_xticklabels()] == ["0\n.50", "2\n.61", "5\n.87"]
    bare = stress_figures.ladders(section.scenarios).axes[0]
    assert [each.get_text() for each in bare.get_xticklabels()] == ["0", "2", "5"]
    section.strength["domain_auc"] = None
    assert stress_view(section).strength == []


def test_drift_that_nobody_made_stands_beside_the_window_of_training(made_stress):
    known, north = stress_view(made_stress.section()).natural
    assert (known.window, known.value, known.in_training) == ("as in training", "0.700", "0.700")
    assert (north.window, north.value, north.in_training) == ("market=north", "0.550", "0.700")
    assert (north.interval, north.reference, north.lift, north.rows) == (
        "0.600 to 0.800",
        "0.600",
        "−10.0",
        "1,234",
    )


def test_runs_from_before_strength_and_natural_drift_still_show(made_stress):
    old = replace(made_stress.section(), strength=None, natural=None)
    view = stress_view(old)
    assert (view.strength, view.natural) == ([], [])
    page = build_report(ReportContent(title="t", verdict=Verdict(title="v"), stress=[old]))
    assert "How strong each ladder came out" not in page
    assert "Drift that nobody made" not in page


def test_a_rung_that_cannot_be_judged_is_a_gap_with_a_cross_and_said(made_stress):
    section = made_stress.section()
    rung = (section.scenarios["severity"] == 2) & (section.scenarios["metric"] == "click/auc")
    section.scenarios.loc[section.scenarios["metric"] != "click/auc", "skill"] = None
    section.scenarios.loc[rung, ["skill", "skill_low", "skill_high", "reference_skill"]] = None
    panel = stress_figures.ladders(section.scenarios).axes[0]
    drawn = [line.get_ydata().tolist() for line in panel.get_lines() if len(line.get_xdata()) == 3]
    assert all(np.isnan(each[1]) for each in drawn)
    cross = panel.get_lines()[-1]
    assert (cross.get_marker(), cross.get_xdata().tolist()) == ("x", [2])
    said = "click cannot be judged under noise at severity 2 (a cross in its panel)"
    assert any(each.startswith(said) for each in stress_view(section).doubts)


def test_label_ladders_say_that_they_are_not_scored(made_stress):
    scenarios = made_stress.section().scenarios.assign(kind="label")
    assert stress_figures.ladders(scenarios).axes[0].get_title(loc="left") == "noise (labels; not scored)"


def test_the_cost_tells_worlds_and_strength_apart(made_stress):
    cost = made_stress.section().summary["cost"] | {"worlds_seconds": 3.0, "strength_seconds": 1.5}
    said = cost_of(cost)
    assert said.endswith("and 3.0 s to run worlds again and 1.5 s to measure how strong drifts came out.")


def test_a_score_below_zero_and_many_ladders_draw(made_stress):
    names = ["clean lift", "loss"]
    assert stress_figures.waterfall(names, [-3.0, -2.0], made_stress.number(-5.0, -6.0, -4.0)).axes
    many = pd.concat(
        [made_stress.section().scenarios.assign(injector=f"ladder {index}") for index in range(20)]
    )
    assert len(stress_figures.ladders(many).axes) == 20
