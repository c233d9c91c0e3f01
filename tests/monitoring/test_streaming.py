"""Indices as river documents them."""

import math
import random

import numpy as np
import pytest

from holdfast.monitoring.streaming import Adwin, Ddm, Kswin, PageHinkley, signals, stream_findings


def _levels():
    draws = random.Random(12345)
    return draws.choices([0, 1], k=1000) + draws.choices(range(4, 8), k=1000)


@pytest.mark.parametrize(
    ("detector", "index"),
    [(Adwin(), 1023), (PageHinkley(), 1006), (Kswin(alpha=0.0001, seed=42), 1016)],
)
def test_documented_index(detector, index):
    assert next(signals(_levels(), detector=detector)).index == index


def test_ddm_warns_then_alarms():
    draws = random.Random(42)
    stream = draws.choices([0, 1], k=1000) + draws.choices([0, 1], k=1000, weights=[0.3, 0.7])
    found = list(signals(stream, detector=Ddm()))
    assert [(signal.index, signal.is_warning) for signal in found][:2] == [(1084, True), (1334, False)]


def test_missing_values_do_not_poison_the_detector():
    stream = [float(value) for value in _levels()]
    holes = [stream[0], math.nan, math.inf, *stream[1:]]
    assert next(signals(holes, detector=PageHinkley())).index == 1008


def test_findings_say_where_and_how_far():
    found = stream_findings("ctr", _levels(), detector=Adwin())
    assert (found[0].kind, found[0].statistic, found[0].p_value) == ("adwin", 1023.0, None)
    assert 4.5 < found[0].effect < 5.5
    assert stream_findings("ctr", np.zeros(500), detector=Adwin()) == []
    assert stream_findings("ctr", [math.nan] * 5, detector=Adwin())[0].kind == "all_missing"
    assert stream_findings("ctr", [], detector=Adwin())[0].kind == "all_missing"


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Adwin(delta=0), "delta must lie in"),
        (lambda: PageHinkley(mode="left"), "mode must be"),
        (lambda: Kswin(window_size=40), "window_size must be twice"),
        (lambda: Ddm(warning_threshold=4), "warning_threshold"),
    ],
)
def test_bad_settings_are_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()
