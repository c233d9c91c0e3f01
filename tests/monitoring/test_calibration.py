import math

import numpy as np
import pandas as pd
import pytest

from holdfast.monitoring.alarms import raise_alarms
from holdfast.monitoring.calibration import CalibrationWatch


def rows(rng, *, num_days=4, rows_a_day=2000, rate=0.03):
    day = np.repeat(np.arange(20_000, 20_000 + num_days), rows_a_day)
    p = rng.beta(2, 2 / rate - 2, size=day.size)
    return day, p, (rng.random(day.size) < p).astype(float), np.arange(day.size) % 500


def test_by_day_and_slice():
    rng = np.random.default_rng(0)
    day, p, y, users = rows(rng)
    market = np.where(np.arange(day.size) % 2, "north", "south")
    # In the south, and from the third day on, twice too many are predicted.
    wrong = (market == "south") & (day >= 20_002)
    watch = CalibrationWatch(head="click", null_draws=20)
    table = watch.table(np.where(wrong, 2.1 * p, p), y, users=users, days=day, slices={"market": market})
    assert len(table) == 12
    assert (table["low"] < table["ratio"]).all()
    south = table[(table["slice"] == "market=south") & (table["day"] >= 20_002)]
    assert (south["low"] > 1.3).all()
    findings = watch.findings(table)
    alarms = raise_alarms(findings, rate=0.01, control="holm")
    wrong_days = {pd.Timestamp(20_000 + number, unit="D", tz="UTC") for number in (2, 3)}
    assert {each.start for each in alarms} == wrong_days
    assert {each.where for each in alarms} == {"click", "click [market=south]"}
    assert all(each.harmful for each in alarms if each.kind == "calibration_ratio")


def test_unknown_rows_are_no_negatives_and_empty_days_are_named():
    rng = np.random.default_rng(1)
    day, p, y, users = rows(rng, num_days=2)
    known = day == 20_000
    y[~known] = np.nan
    watch = CalibrationWatch(head="return", null_draws=0)
    table = watch.table(p, y, users=users, days=day, known=known)
    assert table["n"].tolist() == [2000, 0]
    assert table["unknown"].tolist() == [0, 2000]
    assert table["ratio"].iloc[0] == pytest.approx(p[known].sum() / y[known].sum())
    assert math.isnan(table["ratio"].iloc[1])
    assert [each.kind for each in watch.findings(table)][-1] == "too_few_known_rows"


def test_one_class_one_row_no_row_and_broken_rows():
    watch = CalibrationWatch(head="click", fewest_rows=5)
    day, users = np.full(6, 20_000), np.arange(6)
    table = watch.table(np.full(6, 0.4), np.zeros(6), users=users, days=day)
    assert "no event" in table["note"][0]
    ratio = watch.findings(table)[0]
    assert ratio.kind == "calibration_ratio"
    assert (ratio.effect, ratio.interval) == (None, None)
    assert ratio.p_value is not None
    broken = watch.table([0.1, np.nan, 1.5, 0.2, 0.3, 0.4], [0, 1, 1, 0, 1, 0], users=users, days=day)
    assert broken["n"][0] == 4
    assert "2 rows" in broken["note"][0]
    nothing = watch.table([], [], users=np.zeros(0, dtype=int), days=np.zeros(0, dtype=int))
    assert nothing.empty
    assert watch.findings(nothing) == []
    one = watch.table([0.5], [1], users=[0], days=[20_000])
    assert watch.findings(one)[0].kind == "too_few_known_rows"


def test_seconds():
    rng = np.random.default_rng(2)
    seconds = rng.gamma(2, 10, 500)
    table = CalibrationWatch(head="dwell", outcome="amount", level=0.999).table(
        1.5 * seconds, seconds * rng.gamma(5, 0.2, 500), users=np.arange(500), days=np.full(500, 20_000)
    )
    assert table["low"][0] < 1.5 < table["high"][0]
    assert "brier" not in table


def test_bad_settings():
    with pytest.raises(ValueError, match="outcome is 'rate'"):
        CalibrationWatch(head="click", outcome="rate")
    with pytest.raises(ValueError, match="fewest_rows is 0"):
        CalibrationWatch(head="click", fewest_rows=0)
    with pytest.raises(ValueError, match="slice 'market'"):
        CalibrationWatch(head="click").table([0.1], [0], users=[0], days=[1], slices={"market": ["a", "b"]})
