"""The reference ranker: numbers by hand, unseen items, faulty inputs."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from holdfast.app.stressing.reference import (
    ItemMeans,
    ReferenceInputs,
    ReferenceRanker,
    fit_item_means,
    habit_of,
)
from holdfast.data.history import FREQUENCY, RECENCY
from holdfast.objectives.fusion import WeightedProduct


def test_item_means_by_hand_and_unseen_items_get_the_mean_of_all():
    found = fit_item_means(np.array([7, 7, 3, 7]), np.array([1.0, 0.0, 1.0, 1.0]))
    assert found.overall == 0.75
    # (sum + 20 * 0.75) / (count + 20)
    expected = [(1 + 15) / 21, (2 + 15) / 23, 0.75, 0.75]
    assert found.of(np.array([3, 7, 5, 99])) == pytest.approx(expected)
    assert ItemMeans(np.zeros(0, dtype=np.int64), np.zeros(0), 0.2).of(np.array([1, 2])).tolist() == [
        0.2,
        0.2,
    ]


def test_dwell_goes_with_the_length_of_the_content_and_the_mean_where_nothing_has_one():
    dwell = fit_item_means(np.array([1, 2]), np.array([10.0, 30.0]))
    ranker = ReferenceRanker(None, dwell, 0.5, None, 1)
    inputs = ReferenceInputs(np.array([1, 2]), np.array([100.0, np.inf]), np.full(2, np.nan), np.zeros(2))
    found = ranker.predict(inputs, fusion=WeightedProduct())
    assert found["dwell"].tolist() == [50.0, 20.0]
    assert (np.diff(found["ranking"]) < 0).all()
    assert set(found) == {"dwell", "ranking"}


def test_faulty_habits_become_possible_ones():
    rows = pd.DataFrame({RECENCY: [0.2, np.nan, 3000.0, -1.0], FREQUENCY: [7000.0, np.nan, 2.4, -3.0]})
    recency, active = habit_of(rows)
    assert recency.tolist()[0::2] == [1.0, 3000.0]
    assert np.isnan(recency[1])
    assert recency[3] == 1.0
    assert active.tolist() == [7.0, 0.0, 2.0, 0.0]
    without = habit_of(pd.DataFrame({"x": [1, 2]}))
    assert np.isnan(without[0]).all()
    assert without[1].tolist() == [0.0, 0.0]
