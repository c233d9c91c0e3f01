import dataclasses

import numpy as np
import pytest
from scipy.stats import poisson

from holdfast.monitoring.alarms import raise_alarms
from holdfast.monitoring.finding import Finding
from holdfast.monitoring.stream_budget import STATED_RATES, StreamBudget
from holdfast.monitoring.streaming import Adwin, Ddm, Kswin, PageHinkley, stream_findings


def signal(index, where="ctr", kind="adwin"):
    return Finding(where=where, kind=kind, place="outcome", statistic=float(index))


def test_by_hand():
    budget = StreamBudget(num_streams=3, false_alarms={"adwin": 1e-4})
    (first, p1, a1), (second, p2, a2) = budget.judged([signal(1999), signal(999)])
    assert (first.statistic, second.statistic) == (999.0, 1999.0)
    assert p1 == pytest.approx(1 - np.exp(-0.1))
    assert a1 == pytest.approx(3 * 2 * p1)
    assert p2 == pytest.approx(poisson.sf(1, 0.2))
    assert a2 == pytest.approx(3 * 4 * p2)


def test_signals_alarm_on_a_budget_of_their_own_and_are_only_watched():
    others = [Finding(where=f"x{n}", kind="wasserstein", p_value=0.9) for n in range(50)]
    (alarm,) = raise_alarms([signal(999), *others], rate=0.001)
    assert (alarm.where, alarm.harmful, alarm.threshold) == ("ctr", None, 0.05)
    assert alarm.adjusted_p_value == pytest.approx(2 * (1 - np.exp(-0.01)))
    assert raise_alarms([signal(999)], streams=StreamBudget(num_streams=10)) == []
    # Page-Hinkley cries wolf once in a thousand values.
    assert raise_alarms([signal(1006, kind="page_hinkley")]) == []
    # Streams are no part of the windows that are counted.
    first = Finding(where="x", kind="wasserstein", p_value=0.02)
    assert len(raise_alarms([first, signal(9)], control="sequential")) == 2


@pytest.mark.parametrize("detector", [Adwin(), PageHinkley(), Ddm(), Kswin()], ids=lambda each: each.name)
def test_stable_streams_alarm_no_more_than_the_budget(detector):
    rng = np.random.default_rng(0)
    short = detector.name == "kswin"
    number, length = (15, 600) if short else (60, 1000)
    alarms, values, spoke = 0, 0, 0
    for _ in range(number):
        stream = (rng.random(length) < 0.1) if detector.name == "ddm" else rng.normal(size=length)
        found = stream_findings("x", stream.astype(float), detector=detector)
        alarms += bool(raise_alarms(found))
        spoke, values = spoke + len(found), values + length
    assert alarms <= 0.15 * number
    # The stated rate is not below what is seen by more than chance.
    assert poisson.sf(spoke - 1, STATED_RATES[detector.name] * values) > 0.001


def test_a_real_change_alarms():
    rng = np.random.default_rng(1)
    found = stream_findings("x", np.r_[rng.normal(size=1000), rng.normal(2, 1, size=300)], detector=Adwin())
    assert raise_alarms(found)[0].kind == "adwin"


def test_bad_settings():
    with pytest.raises(ValueError, match="rate is 0"):
        StreamBudget(rate=0)
    with pytest.raises(ValueError, match="num_streams is 0"):
        StreamBudget(num_streams=0)
    with pytest.raises(ValueError, match="above 0"):
        StreamBudget(false_alarms={"adwin": 0.0})
    with pytest.raises(dataclasses.FrozenInstanceError):
        StreamBudget().rate = 0.1
