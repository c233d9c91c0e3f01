import numpy as np
import pytest

from holdfast.monitoring.reliability import calibration_error, reliability_curve, reliability_slope


def test_slope_is_least_squares_and_its_interval_covers():
    rng = np.random.default_rng(0)
    users = np.repeat(np.arange(80), 4)
    hits = 0
    for _ in range(300):
        p = rng.random(320)
        y = 0.2 + 0.5 * p + rng.normal(0, 0.3, 80)[users] * p + rng.normal(0, 0.2, 320)
        found = reliability_slope(p, y, users=users)
        hits += found.low <= 0.5 <= found.high
    assert found.slope == pytest.approx(np.polyfit(p, y, 1)[0])
    assert 0.91 <= hits / 300 <= 0.985


def test_undefined_slopes_say_why():
    assert "equal" in reliability_slope([0.1] * 9, [0, 1, 0] * 3, users=np.arange(9)).note
    assert reliability_slope([0.1], [1], users=[0]).slope is None
    assert reliability_slope([0.1, 0.2], [1, 0], users=[0, 0]).low is None


def test_confidence_of_one_is_in_the_last_bin():
    """A known defect elsewhere: a bin of its own for 1.0 makes .525 of what is .475."""
    table = reliability_curve([0.95, 1.0], [1, 0], users=[0, 1], binning="width")
    assert table["bin"].tolist() == [10]
    assert table["predicted"][0] - table["observed"][0] == pytest.approx(0.475)


def test_curve_intervals():
    rng = np.random.default_rng(1)
    p = rng.random(5000)
    table = reliability_curve(p, rng.random(5000) < p, users=np.arange(5000))
    assert len(table) == 10
    assert (table["low"] <= table["predicted"]).sum() + (table["high"] >= table["predicted"]).sum() >= 18
    assert (table["low"] < table["observed"]).all()
    seconds = reliability_curve(p * 9, p * 9 + rng.random(5000), users=np.arange(5000))
    assert (seconds["high"] - seconds["low"] < 1).all()


def test_error_less_noise_is_zero_on_average_where_predictions_are_right():
    rng = np.random.default_rng(6)
    found = []
    for seed in range(60):
        p = rng.beta(2, 60, size=500)
        found.append(calibration_error(p, rng.random(500) < p, num_draws=60, seed=seed))
    assert np.mean([each.error for each in found]) > 0.01
    assert np.mean([each.excess for each in found]) == pytest.approx(0.0, abs=0.0025)
    assert calibration_error([], []) is None
