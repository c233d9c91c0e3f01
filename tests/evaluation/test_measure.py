from __future__ import annotations

import numpy as np
import pytest

from holdfast.evaluation.bootstrap import ClusterBootstrap
from holdfast.evaluation.calibration import poisson_ratio_interval, prepare_calibration_ratio
from holdfast.evaluation.measure import Measure, measure, poisson_fallback
from holdfast.evaluation.weighted_mean import effective_sample_size, prepare_mean


def ratio(predicted: np.ndarray, observed: np.ndarray) -> Measure:
    return Measure(
        "ratio",
        prepare_calibration_ratio(predicted, observed),
        "nothing observed",
        fallback=poisson_fallback(predicted, observed),
    )


def test_weighted_version_has_its_suffix_and_effective_sample_size() -> None:
    weight = np.array([1.0, 1.0, 4.0])
    (found,) = measure(
        [Measure("mean", prepare_mean(np.array([1.0, 2.0, 3.0])), "no weight", "a note")],
        clusters=np.arange(3),
        bootstrap=ClusterBootstrap(num_resamples=0),
        weight=weight,
    )
    assert (found.name, found.weighted, found.n) == ("mean/ipw", True, 3)
    assert found.value == pytest.approx(2.5)
    assert found.note == "a note; effective sample size 2 of 3 rows"
    assert effective_sample_size(weight) == 2.0
    assert effective_sample_size(np.zeros(2)) == 0.0


def test_without_a_positive_the_count_alone_bounds_the_ratio() -> None:
    (found,) = measure(
        [ratio(np.full(100, 0.03), np.zeros(100))], clusters=np.arange(100), bootstrap=ClusterBootstrap()
    )
    assert found.value is None
    assert found.high is None
    assert found.low == pytest.approx(3.0 / -np.log(0.025))
    assert "undefined: nothing observed" in found.note
    assert "Garwood" in found.note


def test_a_single_positive_falls_back_to_the_count() -> None:
    observed = np.zeros(100)
    observed[0] = 1.0
    (found,) = measure(
        [ratio(np.full(100, 0.03), observed)], clusters=np.arange(100), bootstrap=ClusterBootstrap()
    )
    assert found.value == pytest.approx(3.0)
    assert (found.low, found.high) == pytest.approx(poisson_ratio_interval(3.0, 1, level=0.95))


def test_one_user_gets_no_interval_from_anywhere() -> None:
    (found,) = measure(
        [ratio(np.full(9, 0.5), np.ones(9))], clusters=np.zeros(9, dtype=int), bootstrap=ClusterBootstrap()
    )
    assert found.value == pytest.approx(0.5)
    assert (found.low, found.high) == (None, None)
