import dataclasses

import pandas as pd
import pytest

from holdfast.monitoring.alarms import raise_alarms, retraining_trigger
from holdfast.monitoring.column_harm import Harm
from holdfast.monitoring.finding import Finding
from holdfast.monitoring.streaming import Adwin, stream_findings

DAY = pd.Timedelta(days=1)
START = pd.Timestamp("2025-01-06", tz="UTC")


def slope(number=0, where="click", kind="reliability_slope", effect=-0.6, **fields):
    ends = (effect - 0.1, effect + 0.1)
    start = START + number * DAY
    given = {
        "place": "outcome",
        "statistic": 1.0 + effect,
        "start": start,
        "end": start + DAY,
        "p_value": 1e-9,
        **fields,
    }
    return Finding(where=where, kind=kind, effect=effect, interval=ends, **given)


def action(*findings, **settings):
    return retraining_trigger(raise_alarms(findings), **settings).action


def test_one_harmful_window_is_looked_at_again():
    trigger = retraining_trigger(raise_alarms([slope()]))
    assert (trigger.action, trigger.num_unconfirmed) == ("watch", 1)
    assert "look again with the next window" in trigger.reasons[0]
    assert action(slope(), looks=1) == "retrain"


def test_the_next_window_confirms_and_a_later_one_does_not():
    assert action(slope(0), slope(1)) == "retrain"
    assert action(slope(0), slope(2)) == "watch"
    assert action(slope(0), slope(1), looks=3) == "watch"
    assert action(slope(0), slope(1), slope(2), looks=3) == "retrain"


def test_the_same_thing_must_be_seen_again():
    assert action(slope(0, effect=-0.6), slope(1, effect=0.6)) == "watch"
    assert action(slope(0), slope(1, kind="calibration_ratio")) == "watch"
    assert action(slope(0), slope(1, where="return")) == "watch"


def test_a_second_place_in_the_window_confirms_and_a_slice_or_a_second_kind_does_not():
    assert action(slope(), slope(where="return")) == "retrain"
    assert action(slope(), slope(kind="calibration_ratio")) == "watch"
    assert action(slope(), slope(where="click [market=north]", place="slice")) == "watch"
    harm = Harm("price", 1.0, 0.5, 0.4, 0.6, 0.5, 0.4, 0.6, 100)
    price = Finding(where="price", kind="wasserstein", start=START, end=START + DAY, p_value=1e-9)
    alarms = raise_alarms([slope(), price], harm_of=lambda found: harm)
    assert retraining_trigger(alarms).fires
    twice = dataclasses.replace(price, kind="kolmogorov_smirnov")
    assert not retraining_trigger(raise_alarms([price, twice], harm_of=lambda found: harm)).fires


def test_without_times_only_a_second_place_confirms():
    timeless = {"start": None, "end": None}
    assert action(slope(**timeless)) == "watch"
    assert action(slope(**timeless), slope(where="return", **timeless)) == "retrain"


def test_a_stream_alone_is_watched_and_in_the_window_it_confirms():
    stream = stream_findings("ctr", [0.0, 1.0] * 100 + [5.0, 6.0] * 100, detector=Adwin())[:1]
    assert action(*stream) == "watch"
    timed = dataclasses.replace(stream[0], start=START + DAY / 2)
    assert action(slope(), timed) == "retrain"
    assert action(slope(), dataclasses.replace(timed, start=START + DAY)) == "watch"


def test_faults_come_first():
    gone = Finding(where="price", kind="missing_column", start=START, end=START + DAY, severity="broken")
    trigger = retraining_trigger(raise_alarms([slope(0), slope(1), gone]))
    assert trigger.action == "repair"
    assert len(trigger.reasons) == 1


def test_what_may_be_harmful_is_told_first():
    tiny = slope(where="return", effect=0.02)
    tiny = dataclasses.replace(tiny, interval=(0.01, 0.03))
    unknown = Finding(where="price", kind="wasserstein", start=START, end=START + DAY, p_value=1e-9)
    trigger = retraining_trigger(raise_alarms([tiny, unknown, slope()]))
    assert [each.split(":")[0] for each in trigger.reasons] == ["click", "price", "return"]


def test_bad_arguments():
    with pytest.raises(ValueError, match="looks is 0"):
        retraining_trigger([], looks=0)
