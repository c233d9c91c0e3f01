import dataclasses

import numpy as np
import pandas as pd
import pytest

from holdfast.monitoring.alarms import alarm_table, raise_alarms, retraining_trigger
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
    clear = finding(kind="calibration_ratio", p=1e-9, effect=0.7, interval=(0.5, 0.9))
    tiny = finding(kind="calibration_ratio", p=1e-9, effect=0.01, interval=(0.008, 0.012))
    unknown = finding(kind="calibration_ratio", p=1e-9)
    harmful = [raise_alarms([each], tolerance=0.05)[0].harmful for each in (clear, tiny, unknown)]
    assert harmful == [True, False, None]
    trigger = retraining_trigger(raise_alarms([clear]))
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
