from __future__ import annotations

import numpy as np
import pytest

from holdfast.evaluation.slopes import slope


def panel(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    user = rng.integers(0, 40, 300)
    predicted = 0.5 * rng.normal(size=40)[user] + rng.normal(size=300)
    observed = 0.3 * predicted + 0.8 * rng.normal(size=40)[user] + rng.normal(size=300)
    return predicted, observed, user, rng.uniform(0.1, 2.0, 300)


def test_pooled_is_least_squares() -> None:
    predicted, observed, user, weight = panel()
    expected = np.polyfit(predicted, observed, 1, w=np.sqrt(weight))[0]
    assert slope(predicted, observed, user, variation="pooled", weight=weight) == pytest.approx(expected)


def test_within_is_least_squares_with_a_constant_for_each_user() -> None:
    predicted, observed, user, weight = panel()
    design = np.column_stack([predicted, user[:, None] == np.unique(user)])
    root = np.sqrt(weight)
    expected = np.linalg.lstsq(design * root[:, None], observed * root, rcond=None)[0][0]
    assert slope(predicted, observed, user, variation="within", weight=weight) == pytest.approx(expected)


def test_between_is_least_squares_of_the_users_means() -> None:
    predicted, observed, user, _ = panel()
    names, counts = np.unique(user, return_counts=True)
    means = [[each[user == name].mean() for name in names] for each in (predicted, observed)]
    expected = np.polyfit(*means, 1, w=np.sqrt(counts))[0]
    assert slope(predicted, observed, user, variation="between") == pytest.approx(expected)


def test_pooled_lies_between_the_two() -> None:
    predicted, observed, user, _ = panel()
    within, pooled, between = (
        slope(predicted, observed, user, variation=each) for each in ("within", "pooled", "between")
    )
    assert min(within, between) <= pooled <= max(within, between)


def test_without_spread_there_is_no_slope() -> None:
    observed, user = np.array([0.0, 1.0, 1.0]), np.array([0, 0, 1])
    third = np.full(3, 1 / 3)
    for variation in ("pooled", "within", "between"):
        assert slope(third, observed, user, variation=variation) is None
        assert slope([], [], np.zeros(0, dtype=int), variation=variation) is None
    assert slope([0.2, 0.2, 0.4], observed, user, variation="within") is None
    assert slope([0.2, 0.4, 0.3], observed, user, variation="between") is None


def test_an_unknown_variation_is_refused() -> None:
    with pytest.raises(ValueError, match="choose pooled, within or between"):
        slope([0.1], [1.0], [0], variation="among")  # type: ignore[arg-type]
