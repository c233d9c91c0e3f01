from __future__ import annotations

import pandas as pd
import pytest

from holdfast.core.errors import UserError
from holdfast.data.identities import Identities


def test_numbers_follow_the_order_of_appearance_and_stay():
    ids = Identities("user_id")
    assert ids.found(pd.Series([5])).tolist() == [-1]
    assert ids.added(pd.Series([9, 5, 9])).tolist() == [0, 1, 0]
    assert ids.added(pd.Series([7, 5], dtype="int32")).tolist() == [2, 1]
    assert ids.found(pd.Series([5, 6, 7, 9], dtype="Int64")).tolist() == [1, -1, 2, 0]
    assert len(ids) == 3


@pytest.mark.parametrize("dtype", ["str", "object", "category"])
def test_text_in_any_dtype(dtype: str):
    ids = Identities("item_id")
    assert ids.added(pd.Series(["b", "a", None], dtype=dtype)).tolist() == [0, 1, -1]
    assert ids.found(pd.Series(["a", "c", "b"], dtype="str")).tolist() == [1, -1, 0]


def test_nothing_is_nobody():
    ids = Identities("user_id")
    assert ids.added(pd.Series([], dtype="int64")).tolist() == []
    assert ids.added(pd.Series([None, None], dtype=object)).tolist() == [-1, -1]
    assert len(ids) == 0
    assert ids.added(pd.Series([3, None], dtype="Int64")).tolist() == [0, -1]
    assert ids.found(pd.Series([None], dtype="Int64")).tolist() == [-1]
    assert ids.added(pd.Series([2**62 + 1, 2**62 + 2])).tolist() == [1, 2]


def test_two_ways_to_write_an_id_are_refused():
    ids = Identities("user_id")
    ids.added(pd.Series([7]))
    with pytest.raises(UserError, match="user_id holds text here and integers before"):
        ids.found(pd.Series(["7"]))
    with pytest.raises(UserError, match="item_id holds floating values"):
        Identities("item_id").added(pd.Series([0.5]))
