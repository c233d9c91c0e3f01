"""Newer rows count more."""

from __future__ import annotations

import numpy as np
import pytest

from holdfast.objectives.time_decay import TimeDecay, decayed


def test_by_hand() -> None:
    weights = np.array([[1.0], [0.5], [1.5], [0.0]], dtype=np.float32)
    known = np.array([[True], [True], [True], [False]])
    found = TimeDecay(half_life_days=2.0).apply(weights, known=known, day=np.array([10, 12, 14, 14]))
    raw = np.array([1.0 * 0.25, 0.5 * 0.5, 1.5])
    np.testing.assert_allclose(found[:3, 0], raw * 3.0 / raw.sum(), rtol=1e-6)
    assert found[3, 0] == 0.0
    assert found.dtype == np.float32
    assert found[known].mean() == pytest.approx(1.0)


def test_without_a_half_life_the_very_same_weights() -> None:
    weights = np.ones((3, 2), dtype=np.float32)
    assert TimeDecay().apply(weights, known=weights > 0.0, day=np.arange(3)) is weights


def test_each_objective_counts_from_its_newest_known_row() -> None:
    # Returns of the last 60 days are not known: a half-life of one hour must not leave nothing.
    known = np.array([[True, False], [True, True], [True, True]])
    age = np.array([0.0, 60.0, 61.0])
    found = decayed(known.astype(np.float32), known=known, age_days=age, half_life_days=1 / 24)
    np.testing.assert_allclose(found[:, 1], [0.0, 2.0, 0.0], atol=1e-6)
    np.testing.assert_allclose(found[:, 0], [3.0, 0.0, 0.0], atol=1e-6)


def test_an_objective_of_which_nothing_is_known_stays_zero() -> None:
    found = decayed(
        np.zeros((2, 1), dtype=np.float32),
        known=np.zeros((2, 1), dtype=bool),
        age_days=np.array([0.0, 1.0]),
        half_life_days=1.0,
    )
    assert (found == 0.0).all()


@pytest.mark.parametrize("wrong", [0.0, -1.0, float("inf"), float("nan")])
def test_bad_half_life(wrong: float) -> None:
    with pytest.raises(ValueError, match="half_life_days is"):
        TimeDecay(half_life_days=wrong)
