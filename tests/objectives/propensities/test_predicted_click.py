from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from holdfast.core.propensity_checks import feature_balance, propensity_calibration
from holdfast.objectives.propensities.predicted_click import PredictedClick, predicted_click


def log_of_clicks(rows: Any, num: int = 20_000) -> tuple[Any, np.ndarray]:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(num, 3)) * [1.0, 2.0, 0.0] + [0.0, 5.0, 7.0]
    chance = 1.0 / (1.0 + np.exp(1.0 - features[:, 0] - 0.3 * (features[:, 1] - 5.0)))
    click = (rng.random(num) < chance).astype(float)
    return rows(num, click=click, features=features, user=rng.integers(0, 3000, num)), chance


def test_a_batch_is_floored_once_and_has_no_gradient() -> None:
    chance = torch.tensor([0.5, 0.001, 1.0, 0.0], requires_grad=True)
    found = predicted_click(chance, max_weight=50.0)
    assert found.tolist() == pytest.approx([0.5, 0.02, 1.0, 0.02])
    assert not found.requires_grad
    assert (predicted_click(chance, max_weight=math.inf) > 0.0).all()


def test_the_truth_is_recovered_and_balances(rows: Any) -> None:
    log, chance = log_of_clicks(rows)
    found = PredictedClick().fit(log).on_train
    assert np.abs(found.values - chance).max() < 0.05
    every, clicked = np.ones(len(log), dtype=bool), log.click > 0.5
    weights, _ = found.weights(where=clicked)
    balance = feature_balance(log.features, observed=clicked, weight=weights, target=every)
    assert balance is not None
    assert balance.largest_before > 0.3
    assert balance.largest_after < 0.1
    calibration = propensity_calibration(found.values, observed=clicked, where=every)
    assert calibration is not None
    assert calibration.observed_over_predicted == pytest.approx(1.0, abs=0.01)
    assert calibration.expected_calibration_error < 0.02


def test_no_row_sees_its_own_users_clicks(rows: Any) -> None:
    log, _ = log_of_clicks(rows, 300)
    before = PredictedClick(num_folds=3).fit(log).on_train.values
    changed = log.click.copy()
    mine = log.user == log.user[0]
    changed[mine] = 1.0 - changed[mine]
    other = rows(300, click=changed, features=log.features, user=log.user)
    after = PredictedClick(num_folds=3).fit(other).on_train.values
    np.testing.assert_array_equal(before[mine], after[mine])
    assert (before[~mine] != after[~mine]).any()


def test_rows_whose_click_is_not_known_are_predicted_too(rows: Any) -> None:
    log, chance = log_of_clicks(rows, 3000)
    click = log.click.copy()
    click[:100] = np.nan
    found = PredictedClick().fit(rows(3000, click=click, features=log.features, user=log.user)).on_train
    assert np.abs(found.values[:100] - chance[:100]).max() < 0.15


def test_rows_whose_click_is_not_known_do_not_see_their_users_clicks_either(rows: Any) -> None:
    log, _ = log_of_clicks(rows, 3000)
    mine = np.flatnonzero(log.user == np.bincount(log.user).argmax())
    assert len(mine) >= 2
    known, changed = log.click.copy(), log.click.copy()
    changed[mine] = 1.0 - changed[mine]
    known[mine[0]] = changed[mine[0]] = np.nan
    before, after = (
        PredictedClick().fit(rows(3000, click=click, features=log.features, user=log.user)).on_train.values
        for click in (known, changed)
    )
    np.testing.assert_array_equal(before[mine], after[mine])
    assert (before != after).any()


def test_logs_that_cannot_tell_are_refused(rows: Any) -> None:
    with pytest.raises(ValueError, match="rows of both kinds"):
        PredictedClick().fit(rows(10))
    log, _ = log_of_clicks(rows, 30)
    with pytest.raises(ValueError, match="cannot be split into 50 folds"):
        PredictedClick(num_folds=50).fit(log)
    with pytest.raises(ValueError, match="ridge is -1"):
        PredictedClick(ridge=-1.0)
