import numpy as np
import pytest

from holdfast.evaluation.off_policy.confidence_sequence import (
    lower_confidence_sequence,
    value_confidence_sequence,
)


def test_bounds_hold_at_all_times_at_once():
    """150 logs of 2,000 rows with weights up to 20: a 90 % sequence leaves the truth in at most 10 %."""
    missed = 0
    for seed in range(150):
        draw = np.random.default_rng(seed)
        weight = np.where(draw.random(2000) < 0.05, 10.0, 0.5 / 0.95)
        reward = (draw.random(2000) < 0.4).astype(float)
        low, high = value_confidence_sequence(weight, reward, level=0.9)
        missed += not ((low <= 0.4) & (high >= 0.4)).all()
    assert missed <= 15


def test_bounds_close_in():
    draw = np.random.default_rng(1)
    reward = (draw.random(50_000) < 0.4).astype(float)
    low, high = value_confidence_sequence(np.ones(50_000), reward)
    assert (np.diff(low) >= 0.0).all()
    assert (np.diff(high) <= 0.0).all()
    assert high[-1] - low[-1] < 0.04
    assert low[0] == 0.0
    assert high[0] == 1.0


def test_the_first_bounds_by_hand():
    # Prediction 1/2 and variance 1/4 before the first row, so that the first bet is the largest.
    bound = lower_confidence_sequence(np.array([3.0]), error=0.5)
    psi = -np.log(0.5) - 0.5
    assert bound[0] == pytest.approx(max(0.0, (0.5 * 3.0 - np.log(2.0) - 2.5**2 * psi) / 0.5))
    bound = lower_confidence_sequence(np.array([1.0, 1.0]), error=0.5)
    bets = np.minimum(np.sqrt(2 * np.log(2.0) / (np.array([0.25, 0.25]) * [1, 2] * np.log([2, 3]))), 0.5)
    variance = (0.25 + 0.25) / 2
    bets[1] = min(np.sqrt(2 * np.log(2.0) / (variance * 2 * np.log(3.0))), 0.5)
    psi = -np.log1p(-bets) - bets
    squares = np.array([0.25, (1.0 - 0.75) ** 2])
    assert bound[1] == pytest.approx((bets.sum() - np.log(2.0) - (squares * psi).sum()) / bets.sum())


def test_rewards_outside_their_range_are_refused():
    with pytest.raises(ValueError, match="outside reward_range"):
        value_confidence_sequence(np.ones(2), np.array([0.0, 2.0]))
    with pytest.raises(ValueError, match="below its second"):
        value_confidence_sequence(np.ones(2), np.zeros(2), reward_range=(1.0, 1.0))
