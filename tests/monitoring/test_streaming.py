"""Indices as river documents them."""

import itertools
import math
import random

import numpy as np
import pandas as pd
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


def test_a_stream_is_read_once_and_not_kept():
    """A generator and an array of more than one chunk give what a list gives."""
    values = (
        np.concatenate([np.zeros(70_000), np.full(3_000, 4.0)]) + np.tile([0.0, 0.1, np.nan], 30_000)[:73_000]
    )
    lists, arrays, series, generators = (
        stream_findings("x", given, detector=Adwin(), place="feature")
        for given in (values.tolist(), values, pd.Series(values), iter(values.tolist()))
    )
    assert [each.statistic for each in lists][-1] > 70_000
    assert lists == arrays == series == generators
    assert {each.place for each in lists} == {"feature"}
    assert [
        each.index
        for each in itertools.islice(signals(itertools.cycle([0.0] * 999 + [9.0] * 999), detector=Adwin()), 2)
    ]


def test_effects_are_of_the_values_between_drifts():
    values = np.array([float(value) for value in _levels()])
    found = stream_findings("x", values, detector=PageHinkley())
    ends = [0, *(int(each.statistic) for each in found), len(values)]
    means = [values[low:high].mean() for low, high in itertools.pairwise(ends)]
    assert [each.effect for each in found] == pytest.approx(np.diff(means))
    assert [each.n_current for each in found] == np.diff(ends)[1:].tolist()


def test_false_alarms_of_the_defaults_are_those_that_the_documentation_tells():
    draws = np.random.default_rng(0)
    rates = {
        "adwin": (Adwin(), draws.normal(size=20_000), 0.0, 0.3),
        "page_hinkley": (PageHinkley(), draws.normal(size=20_000), 0.2, 1.5),
        "ddm": (Ddm(), (draws.random(20_000) < 0.05).astype(float), 0.0, 0.2),
    }
    for name, (detector, values, low, high) in rates.items():
        per_thousand = len(stream_findings("x", values, detector=detector)) / 20
        assert low <= per_thousand <= high, name


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
