import numpy as np
import pandas as pd
import pytest

from holdfast.monitoring.calibration import CalibrationWatch
from holdfast.monitoring.days import day_window, midnight
from holdfast.monitoring.late_labels import fit_completion, late_label_findings, late_label_table, late_labels
from holdfast.monitoring.null_replay import findings_by_day
from holdfast.monitoring.reference import Reference

CHANGES = [
    # No midnight: the clocks went from 23:59:59 to 01:00.
    ("America/Sao_Paulo", "2018-11-04", "2018-11-04T01:00:00-02:00", 23),
    ("America/Sao_Paulo", "2018-02-17", "2018-02-17T00:00:00-02:00", 25),
    ("Europe/Berlin", "2024-03-31", "2024-03-31T00:00:00+01:00", 23),
    ("Europe/Berlin", "2024-10-27", "2024-10-27T00:00:00+02:00", 25),
    ("UTC", "2024-10-27", "2024-10-27T00:00:00+00:00", 24),
]


def day_of(text):
    return (pd.Timestamp(text) - pd.Timestamp(0)).days


@pytest.mark.parametrize(("zone", "day", "starts", "hours"), CHANGES)
def test_a_day_begins_and_ends_with_the_clocks(zone, day, starts, hours):
    window = day_window(day_of(day), zone=zone)
    assert window.start == pd.Timestamp(starts)
    assert window.start.isoformat() == starts
    assert window.end - window.start == pd.Timedelta(hours=hours)
    assert window.end == midnight(day_of(day) + 1, zone)
    week = day_window(day_of(day) - 3, zone=zone, num_days=7)
    assert week.end - week.start == pd.Timedelta(hours=6 * 24 + hours)


@pytest.mark.parametrize(("zone", "day"), [change[:2] for change in CHANGES])
def test_everything_that_watches_days_agrees_on_them(zone, day):
    first = day_of(day)
    rng = np.random.default_rng(0)
    days = np.repeat(np.arange(first - 1, first + 2), 200)
    starts = [midnight(each, zone) for each in range(first - 1, first + 2)]
    frame = pd.DataFrame({"x": rng.normal(size=600)})
    reference = Reference.from_frame(frame)
    of_columns = findings_by_day(frame, reference=reference, days=days, zone=zone)
    p = np.full(600, 0.3)
    clicked = (rng.random(600) < p).astype(float)
    watch = CalibrationWatch(head="click", null_draws=0)
    of_calibration = watch.findings(
        watch.table(p, clicked, users=np.arange(600), days=days, known=np.ones(600, bool)), zone=zone
    )
    delay = np.where(clicked > 0, 1.0, np.nan)
    labels = late_labels(days, delay, as_of_day=first + 5, horizon_days=7)
    completion = fit_completion(late_labels(days - 30, delay, as_of_day=first, horizon_days=7))
    table = late_label_table(labels, p, users=np.arange(600), completion=completion)
    of_labels = [each for each in late_label_findings(table, head="return", zone=zone) if each.start]
    for findings in (of_columns, of_calibration, of_labels):
        assert sorted({each.start for each in findings}) == starts
        ends = {each.start: each.end for each in findings}
        assert [ends[start] for start in starts[:2]] == starts[1:]


def test_windows_of_several_days_leave_what_is_left_over():
    days = np.repeat(np.arange(first := day_of("2024-10-25"), first + 8), 10)
    frame = pd.DataFrame({"x": np.random.default_rng(0).normal(size=80)})
    found = findings_by_day(
        frame, reference=Reference.from_frame(frame), days=days, zone="Europe/Berlin", num_days=3
    )
    starts = sorted({each.start for each in found})
    assert starts == [midnight(first, "Europe/Berlin"), midnight(first + 3, "Europe/Berlin")]
    assert {each.n_current for each in found if each.kind == "kolmogorov_smirnov"} == {30}
    with pytest.raises(ValueError, match="at least 1 day"):
        findings_by_day(frame, reference=Reference.from_frame(frame), days=days, num_days=0)
