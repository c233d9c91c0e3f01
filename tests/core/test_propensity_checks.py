from __future__ import annotations

import numpy as np
import pytest

from holdfast.core.propensity_checks import (
    feature_balance,
    propensity_calibration,
    standardised_mean_differences,
)

EVERY = np.ones(4, dtype=bool)


def test_differences_by_hand() -> None:
    features = np.array([[0.0, 5.0], [1.0, 5.0], [2.0, 5.0], [3.0, 5.0]])
    observed = np.array([True, False, False, True])
    # Target: mean 1.5, standard deviation sqrt(1.25). Observed with weights 3 and 1: mean 0.75.
    found = standardised_mean_differences(
        features, observed=observed, weight=np.array([3.0, 9.0, 9.0, 1.0]), target=EVERY
    )
    assert found[0] == pytest.approx(0.75 / np.sqrt(1.25))
    assert np.isnan(found[1]), "a constant feature has no standard deviation"


def test_right_propensities_balance_and_wrong_ones_do_not() -> None:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(20_000, 3))
    chance = 1.0 / (1.0 + np.exp(-features[:, 0]))
    observed = rng.random(len(chance)) < chance
    every = np.ones(len(chance), dtype=bool)
    right = feature_balance(features, observed=observed, weight=1.0 / chance, target=every)
    wrong = feature_balance(features, observed=observed, weight=chance, target=every)
    assert right is not None
    assert wrong is not None
    assert right.largest_before > 0.3
    assert right.largest_after < 0.1
    assert wrong.largest_after > right.largest_before
    assert right.num_features == 3
    assert right.mean_after <= right.largest_after


def test_nothing_to_compare() -> None:
    nobody = np.zeros(4, dtype=bool)
    features = np.arange(4.0)[:, None]
    assert feature_balance(features, observed=nobody, weight=np.ones(4), target=EVERY) is None
    assert feature_balance(features, observed=EVERY, weight=np.ones(4), target=nobody) is None
    assert feature_balance(np.zeros((4, 0)), observed=EVERY, weight=np.ones(4), target=EVERY) is None


def test_calibration_by_hand() -> None:
    found = propensity_calibration(
        np.array([0.2, 0.2, 0.8, 0.8, np.nan]),
        observed=np.array([False, True, True, True, False]),
        where=np.array([True, True, True, True, False]),
        num_bins=2,
    )
    assert found is not None
    assert found.observed_over_predicted == pytest.approx(3 / 2)
    # Bins of two rows: |0.4 - 1| and |1.6 - 2|, over 4 rows.
    assert found.expected_calibration_error == pytest.approx((0.6 + 0.4) / 4)
    assert found.num_rows == 4


def test_calibration_of_nothing() -> None:
    nobody = np.zeros(4, dtype=bool)
    assert propensity_calibration(np.full(4, 0.5), observed=EVERY, where=nobody) is None
    with pytest.raises(ValueError, match="num_bins is 0"):
        propensity_calibration(np.full(4, 0.5), observed=EVERY, where=EVERY, num_bins=0)
