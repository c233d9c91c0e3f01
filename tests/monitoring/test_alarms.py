import dataclasses
import math

import numpy as np
import pandas as pd
import pytest

from holdfast.monitoring.alarms import alarm_table, raise_alarms, retraining_trigger
from holdfast.monitoring.calibration import CalibrationWatch
from holdfast.monitoring.column_harm import Harm
from holdfast.monitoring.finding import Finding
from holdfast.monitoring.harm import HarmEstimator
from holdfast.monitoring.null_replay import findings_by_day
from holdfast.monitoring.reference import Reference
from holdfast.monitoring.window_calibration import fit_finding_null

DAY = pd.Timedelta(days=1)
START = pd.Timestamp("2025-01-06", tz="UTC")


def finding(number=0, where="x", kind="kolmogorov_smirnov", p=0.5, **fields):
    start = START + number * DAY
    return Finding(where=where, kind=kind, start=start, end=start + DAY, p_value=p, **fields)


def test_control_is_over_all_that_was_looked_at_in_a_window():
    many = [finding(where=f"x{n}", p=0.02) for n in range(4)]
    assert len(raise_alarms(many[:1], rate=0.05)) == 1
    assert len(raise_alarms(many, rate=0.05, control="bh")) == 4
    assert raise_alarms(many, rate=0.05, control="holm") == []
    assert len(raise_alarms(many, rate=0.05, control="none")) == 4
    # Sequential: the first window may use half of the rate.
    assert len(raise_alarms(many[:1], rate=0.05, control="sequential")) == 1
    assert raise_alarms(many[:1], rate=0.05, control="sequential", windows_before=1) == []


def test_an_alarm_says_since_when():
    p_values = [0.4, 0.8, 0.3, 1e-3, 1e-5, 1e-6]
    alarms = raise_alarms([finding(n, p=p) for n, p in enumerate(p_values)])
    assert alarms[-1].start == START + 5 * DAY
    assert alarms[-1].since == START + 3 * DAY
    assert "before anything else" in alarms[-1].next_step


def test_what_is_broken_alarms_without_a_p_value():
    gone = finding(kind="missing_column", p=None, severity="broken")
    (alarm,) = raise_alarms([gone, finding(p=0.9)])
    assert alarm.p_value is None
    assert alarm.next_step.startswith("Mend")
    days = [finding(n, kind="missing_column", p=None, severity="broken") for n in (0, 2, 3)]
    assert [each.since for each in raise_alarms(days)] == [START, START + 2 * DAY, START + 2 * DAY]
    empty = finding(where="*", kind="empty_window", p=None, severity="broken")
    assert "no rows" in raise_alarms([empty])[0].next_step


def test_realised_figures_are_judged_by_their_own_interval():
    clear = finding(kind="calibration_ratio", p=1e-9, effect=0.7, statistic=2.0, interval=(0.5, 0.9))
    tiny = finding(kind="calibration_ratio", p=1e-9, effect=0.01, statistic=1.01, interval=(0.008, 0.012))
    unknown = finding(kind="calibration_ratio", p=1e-9)
    harmful = [raise_alarms([each], tolerance=0.05)[0].harmful for each in (clear, tiny, unknown)]
    assert harmful == [True, False, None]
    next_day = finding(1, kind="calibration_ratio", p=1e-9, effect=0.7, statistic=2.0, interval=(0.5, 0.9))
    trigger = retraining_trigger(raise_alarms([clear, next_day]))
    assert trigger.fires
    assert "calibration" in trigger.reasons[0]
    assert retraining_trigger(raise_alarms([tiny])).action == "watch"
    assert retraining_trigger([]).action == "none"


def log(rng, *, num_days, shift_of=None, since=0):
    """Days of rows with a column that the model uses and one that it does not."""
    day = np.repeat(np.arange(num_days), 150)
    frame = pd.DataFrame({"used": rng.normal(size=day.size), "idle": rng.normal(size=day.size)})
    if shift_of:
        frame.loc[day >= since, shift_of] += 1.5
    return frame, 20_089 + day


def day_start(day):
    return pd.Timestamp(20_089 + day, unit="D", tz="UTC")


def model(frame):
    return 1 / (1 + np.exp(-frame["used"].to_numpy()))


@pytest.mark.parametrize("column", ["used", "idle"])
def test_significant_is_not_harmful(column):
    rng = np.random.default_rng(0)
    past, past_days = log(rng, num_days=28)
    now, days = log(rng, num_days=10, shift_of=column, since=6)
    reference = Reference.from_frame(past)
    null = fit_finding_null(findings_by_day(past, reference=reference, days=past_days), rehearsals=20)
    findings = null.calibrated(findings_by_day(now, reference=reference, days=days))

    def harm_of(found):
        current = now[days == (found.start - pd.Timestamp(0, tz="UTC")).days]
        return HarmEstimator().estimate(model, reference=past, current=current, column=found.where)

    alarms = raise_alarms(findings, rate=0.01, control="holm", harm_of=harm_of)
    changed = [each for each in alarms if each.where == column]
    assert {each.start for each in changed} == {day_start(day) for day in range(6, 10)}
    last = next(each for each in changed if each.kind == "kolmogorov_smirnov" and each.end == alarms[-1].end)
    assert last.since == day_start(6)
    trigger = retraining_trigger(changed)
    assert trigger.fires == (column == "used")
    if column == "idle":
        assert all(each.harm.moved == 0.0 for each in changed)
        assert trigger.num_harmless == len(changed)
        assert trigger.action == "watch"


def test_broken_data_ask_for_repair_and_not_for_training():
    rng = np.random.default_rng(0)
    past, _ = log(rng, num_days=2)
    gone = finding(where="used", kind="missing_column", p=None, severity="broken")
    harm = HarmEstimator().estimate(model_of_filled, reference=past, current=past[["idle"]], column="used")
    trigger = retraining_trigger(raise_alarms([gone], harm_of=lambda found: harm))
    assert trigger.action == "repair"
    assert not trigger.fires


def model_of_filled(frame):
    return model(frame.fillna(0.0))


FAULTS = ["missing_column", "type_changed", "all_missing", "became_constant"]


def fault(kind, where="used", **fields):
    if kind == "became_constant":
        return finding(where=where, kind=kind, p=1e-12, severity="large", **fields)
    return finding(where=where, kind=kind, p=None, severity="broken", **fields)


@pytest.mark.parametrize("kind", FAULTS)
def test_a_fault_of_a_used_column_asks_for_repair_without_any_estimate_of_harm(kind):
    (alarm,) = raise_alarms([fault(kind)])
    assert alarm.harmful
    assert alarm.next_step.startswith("Mend the source of used")
    assert retraining_trigger([alarm]).action == "repair"
    (idle,) = raise_alarms([fault(kind, where="idle")], used=["used"])
    assert idle.harmful is False
    assert retraining_trigger([idle]).action == "watch"
    assert retraining_trigger(raise_alarms([fault(kind)], used=["used"])).action == "repair"


def test_an_empty_window_asks_for_repair():
    empty = finding(where="*", kind="empty_window", p=None, severity="broken", place="frame")
    assert retraining_trigger(raise_alarms([empty], used=["used"])).action == "repair"


def test_other_alarms_of_a_broken_column_say_mend_and_train_nothing():
    harm = Harm("used", 1.0, 0.5, 0.4, 0.6, 0.5, 0.4, 0.6, 100)
    days = [finding(n, where="used", p=1e-9, effect=0.9) for n in range(2)]
    both = [fault("became_constant"), *days]
    alarms = raise_alarms(both, harm_of=lambda found: harm)
    same_day = [each for each in alarms if each.start == START]
    assert {each.kind for each in same_day} == {"became_constant", "kolmogorov_smirnov"}
    assert all(each.next_step.startswith("Mend") for each in same_day)
    trigger = retraining_trigger(alarms)
    assert trigger.action == "repair"
    assert all("became_constant" in each for each in trigger.reasons)


def test_fewer_missing_values_are_no_fault():
    harm = Harm("used", 1.0, 0.5, 0.4, 0.6, 0.5, 0.4, 0.6, 100)
    fewer = finding(where="used", kind="missing_rate", p=1e-9, effect=-0.3, interval=(-0.35, -0.25))
    more = finding(where="used", kind="missing_rate", p=1e-9, effect=0.3, interval=(0.25, 0.35))
    for harm_of in (None, lambda found: harm):
        (alarm,) = raise_alarms([fewer], harm_of=harm_of)
        assert "Mend" not in alarm.next_step
        assert retraining_trigger([alarm]).action == "watch"
    assert raise_alarms([more], harm_of=lambda found: harm)[0].next_step.startswith("Mend")


def test_predictions_that_are_mostly_missing_ask_for_repair():
    lost = finding(
        where="click_probability",
        place="prediction",
        kind="missing_rate",
        p=1e-12,
        effect=0.95,
        interval=(0.94, 0.96),
    )
    trigger = retraining_trigger(raise_alarms([lost], harm_of=lambda found: None, used=["used"]))
    assert trigger.action == "repair"


def test_all_clicks_gone_is_a_harmful_alarm_with_a_finite_p_and_an_effect():
    day = np.repeat([20_089, 20_090], 10_000)
    watch = CalibrationWatch(head="click", null_draws=0)
    users = np.arange(20_000) % 2000
    table = watch.table(np.full(20_000, 0.03), np.zeros(20_000), users=users, days=day)
    alarms = raise_alarms(watch.findings(table))
    assert len(alarms) == 2
    for alarm in alarms:
        assert 0.0 < alarm.p_value < 1e-6
        # Half an event stands for none; at least so many times too many; how many, nobody knows.
        assert alarm.effect == pytest.approx(math.log(300.5 / 0.5))
        assert alarm.effect > alarm.interval[0] > math.log(10)
        assert alarm.interval[1] == math.inf
        assert alarm.harmful
        assert "still logged" in alarm.next_step
    assert watch.findings(table)[0].severity == "large"
    # There is nothing that one could train on.
    assert retraining_trigger(alarms).action == "repair"


def test_table_has_its_columns_without_alarms():
    alarms = raise_alarms([finding(p=1e-9)])
    assert list(alarm_table([]).columns) == list(alarm_table(alarms).columns)
    assert alarm_table(alarms)["harm"].isna().all()
    with pytest.raises(dataclasses.FrozenInstanceError):
        alarms[0].where = "y"


def test_bad_arguments():
    with pytest.raises(ValueError, match="rate is 1"):
        raise_alarms([], rate=1.0)
    with pytest.raises(ValueError, match="windows_before is -1"):
        raise_alarms([], windows_before=-1)
    with pytest.raises(ValueError, match="tolerance is -1"):
        raise_alarms([], tolerance=-1)
    assert raise_alarms([]) == []
