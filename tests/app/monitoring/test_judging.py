from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from holdfast.app.monitoring.judging import Judge
from holdfast.app.monitoring.settings import MonitorSettings
from holdfast.app.monitoring.watch_reference import WatchReference
from holdfast.monitoring.days import day_window
from holdfast.monitoring.finding import Finding
from holdfast.monitoring.reference import Reference

FIRST = 20_000


def finding(day, statistic, *, num_days=1, where="x", **fields):
    window = day_window(day, zone="UTC", num_days=num_days)
    known = {"kind": "wasserstein", "p_value": 1e-30, "severity": "large", "n_current": 500, **fields}
    return Finding(where=where, statistic=statistic, start=window.start, end=window.end, **known)


def reference(days, longer=None):
    columns = Reference.from_frame(pd.DataFrame({"x": np.arange(20.0)}))
    return WatchReference(columns, days, {}, {}, None, [], FIRST - 1, longer=longer or {})


@pytest.fixture
def stable():
    """Distances of stable days and weeks, of which rows say that each is a drift."""
    rng = np.random.default_rng(0)
    return {
        length: [
            finding(FIRST + length * t, 0.1 * np.exp(0.2 * rng.normal()), num_days=length)
            for t in range(84 // length)
        ]
        for length in (1, 7)
    }


def test_weeks_are_held_against_weeks(stable):
    judge = Judge(reference(stable[1], {7: stable[7]}), MonitorSettings(window="7d"))
    assert not judge.wants_days
    assert judge.warnings == []
    usual, far = (judge.judged([finding(FIRST + 84, each, num_days=7)])[0] for each in (0.1, 0.4))
    assert usual.p_value > 0.2
    assert usual.severity == "none"
    assert far.p_value < 0.001


def test_without_weeks_a_window_is_judged_by_its_days(stable):
    judge = Judge(reference(stable[1]), MonitorSettings(window="7d"))
    assert judge.wants_days
    assert "judged by their days" in judge.warnings[0]
    week = finding(FIRST + 84, 0.5, num_days=7)
    days = [finding(FIRST + 84 + t, 0.1) for t in range(7)]
    quiet = judge.judged([week], days=days)[0]
    assert (quiet.p_value > 0.5, quiet.severity) == (True, "none")
    days[3] = replace(days[3], statistic=0.6)
    alone = Judge(reference(stable[1]), MonitorSettings()).judged([days[3]])[0]
    loud = judge.judged([week], days=days)[0]
    assert loud.p_value == pytest.approx(7 * alone.p_value)
    assert loud.p_value < 0.01
    unknown = judge.judged([replace(week, where="y")], days=days)[0]
    assert (unknown.p_value, unknown.severity) == (None, "none")


def test_false_alarms_of_windows_judged_by_their_days_are_within_the_rate(stable):
    rng = np.random.default_rng(1)
    judge = Judge(reference(stable[1]), MonitorSettings(window="7d", season="none"))
    p_values = []
    for _ in range(400):
        days = [finding(FIRST + 84 + t, 0.1 * np.exp(0.2 * rng.normal())) for t in range(7)]
        p_values.append(judge.judged([finding(FIRST + 84, 0.5, num_days=7)], days=days)[0].p_value)
    assert np.mean(np.array(p_values) <= 0.05) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 400)


def test_too_short_a_reference_judges_only_what_is_broken(stable):
    judge = Judge(reference(stable[1][:3]), MonitorSettings())
    assert "nothing is judged but what is broken" in judge.warnings[0]
    broken = finding(FIRST + 90, None, kind="missing_column", p_value=None, severity="broken")
    found = judge.judged([finding(FIRST + 90, 0.9), broken])
    assert [(each.p_value, each.severity) for each in found] == [(None, "none"), (None, "broken")]


def test_a_slice_without_a_history_is_shown_and_not_judged(stable):
    judge = Judge(reference(stable[1]), MonitorSettings())
    odd = finding(FIRST + 90, 0.9, where="click [new]", place="slice", p_value=1e-9)
    assert judge.judged([odd])[0].p_value is None
