from __future__ import annotations

from dataclasses import replace
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from holdfast.app.report.closed_loop.verdict import loop_headlines, loop_verdict, loop_warnings
from holdfast.app.report.content import ClosedLoopSection


def section(values: dict[str, list[float]], **more: object) -> ClosedLoopSection:
    """Two days in which each contender brings in half of what it has in each seed."""
    days = pd.DataFrame(
        [
            {"seed": seed, "contender": name, "day": day, "policy": name, "value_so_far": total * day / 2}
            for name, totals in values.items()
            for seed, total in enumerate(totals)
            for day in (1, 2)
        ]
    )
    return ClosedLoopSection(days=days, **more)  # type: ignore[arg-type]


def test_a_clear_winner(closed_loop: ClosedLoopSection) -> None:
    verdict = loop_verdict(closed_loop)
    assert verdict.title == "“retrained” brought most long-term value"
    assert verdict.tone == "good"
    text = " ".join(verdict.sentences)
    assert "In 8 days “retrained” brought in" in text
    assert "where a click counts 1" in text
    assert "measurably ahead of “trained”, by" in text
    assert "“long_term_oracle”, which is told the truth, brought in" in text
    assert "over 3 seeds" in text


def test_a_lead_that_may_be_chance_is_not_called_one() -> None:
    # Paired differences 1, -0.5, 1.5: the 95 % t-interval is 0.67 +- 2.59.
    verdict = loop_verdict(section({"a": [10, 11, 12], "b": [9, 11.5, 10.5], "c": [1, 2, 3]}))
    assert verdict.title == "“a” brought most long-term value, but not measurably more than “b”"
    assert verdict.tone == "mixed"
    assert "It is not measurably ahead of “b”, by 0.67 (−1.92 to 3.25)." in verdict.sentences
    assert any("measurably ahead of “c”, by 9" in each for each in verdict.sentences)


def test_one_seed_never_makes_sure() -> None:
    one = section({"a": [10.0], "b": [2.0]})
    verdict = loop_verdict(one)
    assert verdict.tone == "unclear"
    assert verdict.title == "“a” brought most long-term value in the one world that was tried"
    assert "There it was ahead of “b”, by 8." in verdict.sentences
    assert "no interval" in verdict.sentences[-1]
    assert "simulation.seeds" in loop_warnings(one)[0]


def test_equals_are_called_equal() -> None:
    verdict = loop_verdict(section({"a": [3.0, 4.0], "b": [3.0, 4.0], "c": [1.0, 2.0]}))
    assert verdict.title == "“a” and “b” brought the same, and the most"
    assert verdict.tone == "mixed"


@pytest.mark.parametrize("totals", [[3.0], [3.0, 4.0]])
def test_one_contender_has_nobody_to_be_held_against(totals: list[float]) -> None:
    verdict = loop_verdict(section({"a": totals}))
    assert verdict.title == "“a” served; there is nobody to hold it against"
    assert verdict.tone == "unclear"


def test_who_is_told_the_truth_is_no_candidate() -> None:
    made = section({"oracle": [9.0, 9.5], "a": [3.0, 4.0], "b": [2.0, 3.0]}, sees_truth=("oracle",))
    verdict = loop_verdict(made)
    assert verdict.title.startswith("“a” brought most")
    behind = loop_verdict(section({"oracle": [1.0, 1.0], "a": [3.0, 3.0]}, sees_truth=("oracle",)))
    assert "“oracle”, which is told the truth, was not ahead of it: −2 (−2 to −2)." in behind.sentences
    only = loop_verdict(section({"x": [9.0, 9.5], "y": [3.0, 4.0]}, sees_truth=("x", "y")))
    assert only.title.startswith("“x” brought most")


def test_a_day_that_nobody_knows_the_value_of_decides_nothing() -> None:
    made = section({"a": [np.nan], "b": [np.nan]})
    assert loop_verdict(made).title == "The closed loop cannot tell"
    assert loop_headlines(made) == []
    assert any("1 seed of 1 left out" in each for each in loop_warnings(made))


def test_many_contenders_are_counted_not_listed() -> None:
    values = {f"c{index}": [20.0 - index, 21.0 - index] for index in range(10)}
    verdict = loop_verdict(section(values))
    assert "and 6 further ones" in " ".join(verdict.sentences)
    assert len(loop_headlines(section(values))) == 4


def test_headlines_hold_each_against_the_best(closed_loop: ClosedLoopSection) -> None:
    found = loop_headlines(closed_loop)
    assert [each.label.split(":")[0] for each in found] == [
        "retrained",
        "trained",
        "uniform",
        "long_term_oracle",
    ]
    assert found[0].context == "the most"
    assert found[1].context.startswith("−3.92 (")
    assert found[1].context.endswith("against “retrained”")
    assert found[3].context.startswith("+8.08 (")
    assert found[3].context.endswith("told the truth")
    values = closed_loop.days.query("day == 27 and contender == 'retrained'")["value_so_far"]
    assert found[0].value == pytest.approx(values.mean())
    one = replace(closed_loop, days=closed_loop.days[closed_loop.days["seed"] == 0])
    assert all(each.low is None and each.high is None for each in loop_headlines(one))


def test_a_seed_that_not_all_served_is_left_out_and_said_to_be(made_content: ModuleType) -> None:
    days = made_content.loop_days()
    days = days[~((days["seed"] == 2) & (days["contender"] == "trained"))]
    made = ClosedLoopSection(days=days)
    assert loop_warnings(made) == [
        "1 seed of 3 left out of the comparison in value: no day on which the value of every contender "
        "is known."
    ]
    assert "over 2 seeds" in loop_verdict(made).sentences[-1]
