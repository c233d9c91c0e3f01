"""Values that nothing has seen, in the type of their column."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from holdfast.core.features import UNKNOWN_ROW
from holdfast.data.vocabulary import fit_vocabulary
from holdfast.drift.unseen import unseen

WHERE = np.array([True, False, True, False, True])
WHICH = np.array([0, 1, 2, 1, 0])


@pytest.mark.parametrize(
    "column",
    [
        pd.Series([1, 2, 3, 2, 1]),
        pd.Series([1, 2, None, 2, 1], dtype="Int64"),
        pd.Series([1.0, 2.0, np.nan, 2.0, 1.0]),
        pd.Series(["a", "b", "c", "b", "a"], dtype="str"),
        pd.Series(["a", "b", None, "b", "a"], dtype="str"),
        pd.Series(["a", "b", "c", "b", "a"], dtype="category"),
        pd.Series([True, False, True, False, True]),
        pd.Series([True, False, None, False, True], dtype="boolean"),
    ],
    ids=lambda column: f"{column.dtype}-{column.hasnans}",
)
def test_new_values_are_unknown_to_a_vocabulary_and_the_others_stay(column):
    found = pd.Series(unseen(column, WHERE, which=WHICH))
    vocabulary = fit_vocabulary([column], min_count=1, max_vocabulary=100)
    before, after = vocabulary.rows(column), vocabulary.rows(found)
    np.testing.assert_array_equal(after[~WHERE], before[~WHERE])
    assert (after[WHERE] == UNKNOWN_ROW).all()
    # One new value for rows of one number, another for another.
    assert found[0] == found[4]
    assert found[0] != found[2]


def test_ids_keep_their_type():
    assert unseen(pd.Series([1, 2, 3, 4, 5]), WHERE, which=WHICH).dtype == np.int64
    text = pd.Series(["a"] * 5, dtype="str")
    assert unseen(text, WHERE, which=WHICH).dtype == text.dtype
