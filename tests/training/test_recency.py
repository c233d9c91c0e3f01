"""Decayed weights, and how many rows they are worth."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from holdfast.core.propensity import Propensity
from holdfast.objectives.time_decay import TimeDecay
from holdfast.objectives.weighting import PropensityWeighting
from holdfast.training.propensities import Weighed, row_weights
from holdfast.training.recency import effective_sample_size, with_decay


def test_the_effective_sample_size_by_hand() -> None:
    assert effective_sample_size(np.array([1.0, 1.0, 2.0])) == pytest.approx(16.0 / 6.0)
    # Two rows of one fact are one fact of weight 2.
    assert effective_sample_size(np.array([1.0, 1.0, 2.0]), np.array([7, 7, 8])) == pytest.approx(2.0)
    assert effective_sample_size(np.zeros(0)) == 0.0


def test_old_rows_are_worth_fewer(toy: Any) -> None:
    window = replace(toy.window(60, 0), day=np.repeat([0, 7], 30), user_day=np.arange(60))
    sure = Propensity(values=np.ones(60), meaning="item_in_slot", source="a test")
    weights, trust = row_weights(window, sure, PropensityWeighting(kind="none"))
    weighed = Weighed(window, weights, trust)
    assert with_decay(weighed, TimeDecay()) is weighed
    found = with_decay(weighed, TimeDecay(half_life_days=7.0))
    assert found.weights[0, 0] == pytest.approx(2.0 / 3.0)
    assert found.weights[-1, 0] == pytest.approx(4.0 / 3.0)
    expected = 60.0**2 / (30 * (2 / 3) ** 2 + 30 * (4 / 3) ** 2)
    assert found.trust["click"].effective_sample_size == pytest.approx(expected)
    assert found.trust["click"].largest_weight == pytest.approx(4.0 / 3.0)
