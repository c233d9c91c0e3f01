from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from holdfast.monitoring.alarm_control import raised
from holdfast.monitoring.counts import bin_counts, jensen_shannon
from holdfast.monitoring.days import midnight
from holdfast.monitoring.finding import Finding
from holdfast.monitoring.window_calibration import fit_finding_null

START = pd.Timestamp("2025-01-06", tz="UTC")


def finding(number, statistic, where="x", kind="jensen_shannon", rows=500, **fields):
    start = START + pd.Timedelta(days=number)
    return Finding(where=where, kind=kind, start=start, statistic=statistic, n_current=rows, **fields)


def chunks_of(rng, *, num_columns=20, rows=500, num_chunks=20):
    """Jensen-Shannon distances of iid chunks to the first ten together ``[T, S]``."""
    found = np.empty((num_chunks, num_columns))
    for column in range(num_columns):
        values = rng.normal(size=(num_chunks, rows))
        edges = np.histogram_bin_edges(values[:10], bins="doane")
        counts = [bin_counts(np.sort(chunk), edges) for chunk in values]
        outside = [np.r_[each, rows - each.sum()] for each in counts]
        reference = np.sum(outside[:10], axis=0)
        found[:, column] = [jensen_shannon(reference, each) for each in outside]
    return found


def test_iid_chunks_alarm_as_often_as_was_asked_for():
    """Mean +- 3 sd of the reference's chunks, as a peer does it, alarms in 50 to 85 % of iid chunks."""
    rng = np.random.default_rng(0)
    sigma, ours = [], []
    for seed in range(16):
        values = chunks_of(rng)
        past, future = values[:10], values[10:]
        sigma.append((np.abs(future - past.mean(axis=0)) > 3 * past.std(axis=0)).any(axis=1))
        findings = [finding(t, values[t, s], where=f"x{s:02}") for t in range(20) for s in range(20)]
        null = fit_finding_null(findings[:200], season="none", rehearsals=10, seed=seed)
        p_values = np.array([each.p_value for each in null.calibrated(findings[200:])]).reshape(10, 20)
        ours.append([raised(row, rate=0.05, control="holm").any() for row in p_values])
    by_replay = np.mean(ours, axis=1)
    half = 2.95 * by_replay.std(ddof=1) / np.sqrt(16)
    assert 0.5 <= np.mean(sigma) <= 0.85
    assert by_replay.mean() - half <= 0.05
    assert by_replay.mean() <= 0.05 + half


def test_a_shift_of_one_column_is_found_among_twenty():
    rng = np.random.default_rng(1)
    values = chunks_of(rng, num_chunks=12)
    values[11, 7] *= 3.0
    findings = [finding(t, values[t, s], where=f"x{s:02}") for t in range(12) for s in range(20)]
    null = fit_finding_null(findings[:200], season="none", rehearsals=20)
    p_values = np.array([each.p_value for each in null.calibrated(findings[220:])])
    assert np.flatnonzero(raised(p_values, rate=0.05, control="holm")).tolist() == [7]


def test_windows_of_few_rows_are_noisier_and_not_drifted():
    rng = np.random.default_rng(2)
    past = [finding(t, 0.1 * np.exp(0.2 * rng.normal())) for t in range(20)]
    null = fit_finding_null(past, season="none")
    large, small = (null.calibrated([finding(20, 0.3, rows=rows)])[0].p_value for rows in (500, 50))
    assert large < 1e-3
    assert small > 0.2


def test_others_are_judged_by_their_effect_on_both_sides():
    rng = np.random.default_rng(3)
    past = [finding(t, 1.0, kind="calibration_ratio", effect=0.1 + 0.05 * rng.normal()) for t in range(20)]
    null = fit_finding_null(past, season="none")
    usual, low, high = (
        null.calibrated([finding(20, 1.0, kind="calibration_ratio", effect=effect, severity="large")])[0]
        for effect in (0.1, -0.3, 0.5)
    )
    assert usual.p_value > 0.5
    assert usual.severity == "none"
    assert max(low.p_value, high.p_value) < 1e-3
    assert low.severity == "large"


def test_without_a_history_a_finding_keeps_its_own_p_value():
    past = [finding(t, 0.0, kind="missing_rate", effect=0.0) for t in range(14)]
    past += [finding(t, 0.1 + 0.01 * (t % 3)) for t in range(14)]
    null = fit_finding_null(past)
    never = finding(14, 0.2, kind="missing_rate", effect=0.2, p_value=1e-30)
    unseen = finding(14, 0.2, where="new", p_value=0.3)
    timeless = Finding(where="x", kind="jensen_shannon", statistic=0.1, p_value=0.4)
    assert [each.p_value for each in null.calibrated([never, unseen, timeless])] == [1e-30, 0.3, 0.4]
    assert null.calibrated([]) == []


def test_an_unseen_weekday_is_told_and_no_false_alarm():
    rng = np.random.default_rng(4)
    workdays = [day for day in range(28) if day % 7 < 5]
    past = [finding(t, 0.05 * np.exp(0.2 * rng.normal())) for t in workdays]
    null = fit_finding_null(past, rehearsals=10)
    saturday, monday = null.calibrated([finding(t, 0.06, p_value=1e-30) for t in (33, 35)])
    assert saturday.p_value > 0.05
    assert "no such weekday" in saturday.note
    assert monday.p_value > 0.05
    assert monday.note == ""


def test_weeks_are_no_weekdays():
    """Windows of whole weeks hold all weekdays, on whichever of them they begin."""
    rng = np.random.default_rng(5)
    week = pd.Timedelta(days=7)

    def weeks(number, statistic, offset=0):
        each = finding(7 * number + offset, statistic)
        return replace(each, end=each.start + week)

    null = fit_finding_null([weeks(t, 0.05 * np.exp(0.2 * rng.normal())) for t in range(10)], rehearsals=10)
    assert null.season == "none"
    later = null.calibrated([weeks(10, 0.05, offset=3)])[0]
    assert later.p_value > 0.2
    assert later.note == ""


def test_days_of_23_and_25_hours_are_days():
    rng = np.random.default_rng(6)
    statistics = 0.05 * np.exp(0.2 * rng.normal(size=60))
    first = 19_780  # 2024-02-27, before the clocks of Berlin go on

    def p_value(zone):
        found = [
            Finding(
                where="x",
                kind="jensen_shannon",
                statistic=each,
                n_current=500,
                start=midnight(first + t, zone),
            )
            for t, each in enumerate(statistics)
        ]
        return fit_finding_null(found[:50], rehearsals=0).calibrated(found[50:])[0].p_value

    assert p_value("Europe/Berlin") == pytest.approx(p_value("UTC"), rel=1e-12)


def test_what_the_reference_knows_of_two_windows_is_not_judged():
    past = [finding(t, 0.1 + 0.01 * (t % 3)) for t in range(14)]
    past += [finding(t, 0.1, where="late") for t in (12, 13)]
    null = fit_finding_null(past, season="none", rehearsals=0)
    late = null.calibrated([finding(14, 0.5, where="late", p_value=1e-30, severity="large")])[0]
    assert (late.p_value, late.severity) == (None, "none")
    assert "not judged" in late.note


def test_bad_arguments():
    with pytest.raises(ValueError, match="at least 4"):
        fit_finding_null([finding(0, 0.1)])
    with pytest.raises(ValueError, match="weekday or none"):
        fit_finding_null([], season="month")


def test_calibration_alarms_only_where_predictions_are_wrong_and_not_as_they_always_were():
    rng = np.random.default_rng(3)
    start = pd.Timestamp("2025-01-06")

    def ratio(day, effect, p_value):
        return Finding(
            where="click",
            kind="calibration_ratio",
            start=start + day * pd.Timedelta(1, "D"),
            effect=effect,
            p_value=p_value,
            n_current=100,
        )

    null = fit_finding_null([ratio(n, 0.3 + 0.01 * rng.normal(), 1e-9) for n in range(28)], rehearsals=20)
    watched = [ratio(30, 0.3, 1e-9), ratio(31, 0.0, 0.8), ratio(32, 0.6, 1e-9)]
    as_ever, better, worse = null.calibrated(watched)
    assert as_ever.p_value > 0.05
    assert better.p_value == 0.8
    assert worse.p_value < 1e-6
