from __future__ import annotations

import numpy as np
import pytest

from holdfast.evaluation.slopes import own_past_mean, prepare_slope, prepare_slope_of


def regression(columns: list[np.ndarray], y: np.ndarray, weight: np.ndarray) -> np.ndarray:
    design, root = np.column_stack([np.ones(y.size), *columns]), np.sqrt(weight)
    return np.linalg.lstsq(design * root[:, None], y * root, rcond=None)[0]


def learned(seed: int, users: int = 4000, days: int = 6) -> tuple[np.ndarray, ...]:
    """Users with a chance of return of their own; the best prediction of each day from the days before it."""
    rng = np.random.default_rng(seed)
    chance = rng.beta(1.0, 1.0, users)[:, None]
    back = (rng.random((users, days)) < chance).astype(float)
    seen = np.cumsum(back, axis=1) - back
    predicted = (1.0 + seen) / (2.0 + np.arange(days))
    user, day = np.divmod(np.arange(users * days), days)
    return predicted.ravel(), back.ravel(), user, day


def test_the_mean_of_the_past_by_hand_in_any_order_of_rows() -> None:
    users, days = np.array([7, 3, 7, 7, 3]), np.array([4, 1, 2, 9, 8])
    past = own_past_mean([0.4, 0.1, 0.2, 0.9, 0.5], users, days)
    np.testing.assert_allclose(past, [0.2, np.nan, np.nan, 0.3, 0.1])
    assert own_past_mean([], np.zeros(0, dtype=int), np.zeros(0, dtype=int)).size == 0


def test_slopes_are_those_of_weighted_least_squares() -> None:
    predicted, observed, user, day = learned(0, users=60)
    weight = np.random.default_rng(1).uniform(0.1, 2.0, predicted.size)
    (_, pooled) = regression([predicted], observed, weight)
    assert prepare_slope(predicted, observed)(weight) == pytest.approx(pooled)
    past = own_past_mean(predicted, user, day)
    known = ~np.isnan(past)
    columns = [past[known], (predicted - past)[known]]
    _, between, within = regression(columns, observed[known], weight[known])
    for variation, expected in (("between", between), ("within", within)):
        found = prepare_slope_of(variation, predicted, observed, past)(weight)
        assert found == pytest.approx(expected)


def test_a_perfect_model_has_slopes_of_one_and_days_compared_with_later_ones_deny_it() -> None:
    slopes = []
    for seed in range(10):
        predicted, observed, user, day = learned(seed)
        past, weight = own_past_mean(predicted, user, day), np.ones(predicted.size)
        slopes.append(
            [
                prepare_slope(predicted, observed)(weight),
                prepare_slope_of("within", predicted, observed, past)(weight),
                prepare_slope_of("between", predicted, observed, past)(weight),
            ]
        )
        mean_p, mean_y = (np.bincount(user, each)[user] / 6 for each in (predicted, observed))
        naive = np.sum((predicted - mean_p) * (observed - mean_y)) / np.sum((predicted - mean_p) ** 2)
        assert naive < 0.0
    mean, error = np.mean(slopes, axis=0), np.std(slopes, axis=0, ddof=1) / np.sqrt(10)
    assert (np.abs(mean - 1.0) < 3 * error).all()


def test_without_spread_there_is_no_slope() -> None:
    observed, ones = np.array([0.0, 1.0, 1.0]), np.ones(3)
    third = np.full(3, 1 / 3)
    assert prepare_slope(third, observed)(ones) is None
    assert prepare_slope([0.1, 0.2, 0.3], observed)(np.zeros(3)) is None
    for variation in ("within", "between"):
        # No earlier day; predictions that never change; deviations that are a multiple of the past.
        for p, past in (([0.1, 0.2, 0.3], [np.nan] * 3), (third, third), ([0.2, 0.4, 0.6], [0.1, 0.2, 0.3])):
            assert prepare_slope_of(variation, p, observed, past)(ones) is None
        assert prepare_slope_of(variation, [], [], [])(np.zeros(0)) is None


def test_an_unknown_variation_is_refused() -> None:
    with pytest.raises(ValueError, match="choose within or between"):
        prepare_slope_of("among", [0.1], [1.0], [0.1])  # type: ignore[arg-type]
