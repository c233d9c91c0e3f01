from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import poisson

from holdfast.evaluation.calibration import (
    calibration_bins,
    calibration_ratio,
    expected_calibration_error,
    expected_calibration_error_null,
    poisson_ratio_interval,
)


def test_ratio_by_hand() -> None:
    assert calibration_ratio([0.2, 0.4], [0, 1]) == pytest.approx(0.6)
    assert calibration_ratio([0.2, 0.4], [0, 1], weight=[1.0, 2.0]) == pytest.approx(0.5)
    assert calibration_ratio([0.2, 0.4], [0, 0]) is None
    assert calibration_ratio([], []) is None


def test_prediction_of_one_falls_in_the_last_bin() -> None:
    # torchmetrics 1.9 gives .525, because 1.0 falls in a bin of its own.
    found = expected_calibration_error([0.95, 1.0], [1, 0], num_bins=10, binning="width")
    assert found == pytest.approx(0.475, abs=1e-12)
    assert expected_calibration_error([0.95, 1.0], [1, 0], num_bins=1) == pytest.approx(0.475, abs=1e-12)
    for binning in ("width", "mass"):
        bins = calibration_bins(np.linspace(0, 1, 11), num_bins=10, binning=binning)
        assert bins.min() == 0
        assert bins.max() == 9


def test_equal_mass_bins_keep_ties_together_and_weigh_alike() -> None:
    rng = np.random.default_rng(0)
    predicted = rng.random(1000)
    assert np.bincount(calibration_bins(predicted, num_bins=10)).tolist() == [100] * 10
    weight = rng.exponential(size=1000)
    mass = np.bincount(calibration_bins(predicted, num_bins=10, weight=weight), weight)
    assert np.abs(mass / weight.sum() - 0.1).max() < 0.01
    tied = rng.integers(0, 4, size=1000).astype(float)
    bins = calibration_bins(tied, num_bins=10)
    assert len({(value, place) for value, place in zip(tied, bins, strict=True)}) == 4


def test_a_tie_goes_where_the_middle_of_its_mass_falls() -> None:
    # The tie covers the shares .2 to .9 of the rows: it starts in the lower half, its middle is in the upper.
    predicted = np.repeat([0.1, 0.5, 0.9], [2, 7, 1])
    assert calibration_bins(predicted, num_bins=2).tolist() == [0] * 2 + [1] * 8
    # Here it covers 0 to .7: it ends in the upper half, its middle is in the lower.
    predicted = np.repeat([0.5, 0.8, 0.9], [7, 2, 1])
    assert calibration_bins(predicted, num_bins=2).tolist() == [0] * 7 + [1] * 3


def test_error_agrees_with_a_loop_over_bins() -> None:
    rng = np.random.default_rng(1)
    probability, weight = rng.random(500), rng.exponential(size=500)
    label = (rng.random(500) < probability**2).astype(float)
    order = np.argsort(probability)
    # A row belongs where the middle of its own mass falls.
    middle = (np.cumsum(weight[order]) - weight[order] / 2) / weight.sum()
    expected = 0.0
    for low in range(5):
        rows = order[(middle >= low / 5) & (middle < (low + 1) / 5)]
        share = weight[rows].sum() / weight.sum()
        gap = np.average(probability[rows], weights=weight[rows])
        gap -= np.average(label[rows], weights=weight[rows])
        expected += share * abs(gap)
    found = expected_calibration_error(probability, label, num_bins=5, weight=weight)
    assert found == pytest.approx(expected, abs=1e-12)


def test_null_is_the_error_of_calibrated_labels() -> None:
    rng = np.random.default_rng(2)
    probability = rng.beta(1.0, 32.0, size=500)
    drawn = [
        expected_calibration_error(probability, rng.random(500) < probability, num_bins=10)
        for _ in range(1000)
    ]
    null = expected_calibration_error_null(probability, num_bins=10, num_draws=1000, seed=5)
    assert null is not None
    # The standard error of either mean is about .00016.
    assert null.mean == pytest.approx(np.mean(drawn), abs=0.001)
    assert null.low == pytest.approx(np.quantile(drawn, 0.025), abs=0.0025)
    assert null.high == pytest.approx(np.quantile(drawn, 0.975), abs=0.0025)
    # At 3 % positives and 500 rows noise alone looks like an error of more than half the base rate.
    assert 0.015 < null.mean < 0.03


def test_null_has_the_closed_form_of_one_bin() -> None:
    # One bin of n rows with p = 1/2: the mean absolute deviation of a binomial share.
    null = expected_calibration_error_null(np.full(400, 0.5), num_bins=1, num_draws=4000)
    assert null is not None
    assert null.mean == pytest.approx(np.sqrt(2 / np.pi) * 0.5 / 20, rel=0.05)


def test_null_does_not_depend_on_the_order_of_rows() -> None:
    rng = np.random.default_rng(4)
    probability, weight = np.round(rng.random(300), 1), rng.integers(1, 4, size=300).astype(float)
    order = rng.permutation(300)
    first = expected_calibration_error_null(probability, num_bins=10, weight=weight)
    assert first == expected_calibration_error_null(probability[order], num_bins=10, weight=weight[order])


def test_poisson_interval_holds_the_tails_of_the_count() -> None:
    low, high = poisson_ratio_interval(50.0, 40, level=0.9)
    assert high is not None
    assert poisson.cdf(40, 50.0 / low) == pytest.approx(0.05, abs=1e-9)
    assert poisson.sf(39, 50.0 / high) == pytest.approx(0.05, abs=1e-9)
    low, high = poisson_ratio_interval(3.0, 0, level=0.95)
    assert high is None
    assert low == pytest.approx(3.0 / -np.log(0.025))


def test_undefined_and_bad_input() -> None:
    assert expected_calibration_error([], [], num_bins=10) is None
    assert expected_calibration_error_null([], num_bins=10) is None
    with pytest.raises(ValueError, match="num_bins is 0"):
        expected_calibration_error([0.5], [1], num_bins=0)
    with pytest.raises(ValueError, match="binning is 'quantile'"):
        calibration_bins(np.array([0.5]), num_bins=2, binning="quantile")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="observed holds negative"):
        calibration_ratio([1.0], [-1.0])
