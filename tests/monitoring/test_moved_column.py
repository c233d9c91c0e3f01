import numpy as np
import pandas as pd
import pytest
from scipy.stats import ks_2samp

from holdfast.monitoring.moved_column import moved_like


def draw():
    return np.random.default_rng(0)


def test_numbers_take_the_new_distribution_and_keep_their_order():
    rng = np.random.default_rng(1)
    before, after = pd.Series(rng.normal(size=500)), pd.Series(rng.normal(3, 2, size=800))
    moved = moved_like(before, after, draw=draw())
    assert ks_2samp(moved, after).statistic < 0.01
    assert (moved.to_numpy()[np.argsort(before)] == np.sort(moved)).all()


def test_the_same_distribution_moves_nothing():
    values = pd.Series(np.random.default_rng(1).normal(size=100))
    assert moved_like(values, values.sample(frac=1, random_state=0), draw=draw()).tolist() == values.tolist()
    words = pd.Series(["a", "b", None, "b"] * 20)
    again = moved_like(words, words[::-1], draw=draw())
    assert again.fillna("-").tolist() == words.fillna("-").tolist()


def test_categories_keep_all_that_can_stay():
    before = pd.Series(["a"] * 60 + ["b"] * 40)
    after = pd.Series(["a"] * 30 + ["b"] * 40 + ["new"] * 30)
    moved = moved_like(before, after, draw=draw())
    assert moved.value_counts().to_dict() == {"b": 40, "a": 30, "new": 30}
    assert (moved[60:] == "b").all()


def test_missing_lists_booleans_and_integers():
    numbers = pd.Series([1.0, 2.0, 3.0, 4.0] * 10)
    gone = moved_like(numbers, pd.Series([None] * 7, dtype=object), draw=draw())
    assert gone.isna().all()
    half = moved_like(numbers, pd.Series([1.0, np.nan, 3.0, np.nan]), draw=draw())
    assert half.isna().sum() == 20
    back = moved_like(pd.Series([np.nan] * 10), numbers, draw=draw())
    assert back.notna().all()
    lists = pd.Series([["a", "b"], ["c"]] * 5)
    assert moved_like(lists, pd.Series([["c"]] * 3), draw=draw()).tolist() == [["c"]] * 10
    flags = moved_like(pd.Series([True, False] * 5), pd.Series([True] * 4), draw=draw())
    assert flags.dtype == bool
    assert flags.all()
    whole = moved_like(pd.Series([1, 2, 3]), pd.Series([7, 8, 9]), draw=draw())
    assert whole.tolist() == [7, 8, 9]
    assert whole.dtype == "int64"
    with pytest.raises(ValueError, match="empty"):
        moved_like(numbers, numbers[:0], draw=draw())
