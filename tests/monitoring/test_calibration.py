import math

import numpy as np
import pandas as pd
import pytest

from holdfast.monitoring.alarms import raise_alarms, retraining_trigger
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
    # Of 6 rows without an event up to .46 of a row may be right: nothing speaks against .4.
    assert ratio.effect == pytest.approx(math.log((2.4 + 0.5) / 0.5))
    assert ratio.interval == (pytest.approx(math.log(0.4 / (1 - 0.025 ** (1 / 6)))), math.inf)
    assert ratio.p_value == pytest.approx(2 * 0.6**6)
    broken = watch.table([0.1, np.nan, 1.5, 0.2, 0.3, 0.4], [0, 1, 1, 0, 1, 2], users=users, days=day)
    assert broken["n"][0] == 3
    assert broken["impossible"][0] == 3
    assert "3 rows" in broken["note"][0]
    named = watch.findings(broken)[0]
    assert (named.kind, named.effect, named.n_current) == ("impossible_values", 0.5, 6)
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


@pytest.mark.parametrize("outcome", ["share", "amount"])
def test_one_impossible_value_is_named_and_the_rest_goes_on(outcome):
    rng = np.random.default_rng(4)
    p = rng.uniform(0.05, 0.2, 1000)
    y = (rng.random(1000) < p).astype(float)
    watch = CalibrationWatch(head="click", outcome=outcome, null_draws=0)
    users, day = np.arange(1000), np.full(1000, 20_000)
    wrong_p, wrong_y = p.copy(), y.copy()
    wrong_p[3], wrong_p[5] = (1.2 if outcome == "share" else -1.0), np.nan
    wrong_y[4], wrong_y[6] = (2.0 if outcome == "share" else -0.1), np.inf
    kept = np.r_[0:3, 7:1000]
    table = watch.table(wrong_p, wrong_y, users=users, days=day, slices={"half": users % 2})
    expected = watch.table(p[kept], y[kept], users=users[kept], days=day[kept])
    assert table["impossible"].tolist() == [4, 2, 2]
    assert table["ratio"][0] == expected["ratio"][0]
    found = [each for each in watch.findings(table) if each.kind == "impossible_values"]
    # Once, and not once more for every slice.
    assert [(each.where, each.statistic, each.severity) for each in found] == [("click", 4.0, "broken")]
    alarm = raise_alarms(found)[0]
    assert alarm.harmful is False  # Four rows in a thousand: named, and no reason to stop.
    unknown = watch.table(
        np.full(5, np.nan), np.full(5, np.nan), users=np.arange(5), days=np.full(5, 1), known=np.zeros(5)
    )
    assert unknown["impossible"].tolist() == [0]


def test_most_predictions_missing_alarms_and_asks_for_repair():
    rng = np.random.default_rng(5)
    p = np.where(rng.random(2000) < 0.95, np.nan, 0.1)
    watch = CalibrationWatch(head="click", null_draws=0)
    table = watch.table(p, rng.random(2000) < 0.1, users=np.arange(2000), days=np.full(2000, 20_000))
    trigger = retraining_trigger(raise_alarms(watch.findings(table)))
    assert trigger.action == "repair"
    assert "impossible_values" in trigger.reasons[0]


def test_nothing_observed_of_an_amount_is_an_alarm_too():
    seconds = np.random.default_rng(6).gamma(2, 10, 400)
    watch = CalibrationWatch(head="dwell", outcome="amount")
    table = watch.table(seconds, np.zeros(400), users=np.arange(400) % 80, days=np.full(400, 20_000))
    (alarm,) = [each for each in raise_alarms(watch.findings(table)) if each.kind == "calibration_ratio"]
    assert alarm.harmful
    assert alarm.effect > math.log(10)


def test_errors_of_slices_can_be_left_out():
    rng = np.random.default_rng(7)
    day, p, y, users = rows(rng, num_days=1)
    watch = CalibrationWatch(head="click", null_draws=10, slice_nulls=False)
    table = watch.table(p, y, users=users, days=day, slices={"half": users % 2})
    assert table["ece"].notna().tolist() == [True, False, False]
    assert table["ece_excess"][0] < table["ece"][0]


def test_bad_settings():
    with pytest.raises(ValueError, match="outcome is 'rate'"):
        CalibrationWatch(head="click", outcome="rate")
    with pytest.raises(ValueError, match="fewest_rows is 0"):
        CalibrationWatch(head="click", fewest_rows=0)
    with pytest.raises(ValueError, match="slice 'market'"):
        CalibrationWatch(head="click").table([0.1], [0], users=[0], days=[1], slices={"market": ["a", "b"]})
