"""Rows and where they came from."""

from __future__ import annotations

import numpy as np
import pytest

from holdfast.drift.rows import drift_rows


def test_a_take_of_a_take_knows_the_first_rows(table):
    rows = table(price=[1.0, 2.0, 3.0, 4.0])
    again = rows.take(np.array([3, 1, 0])).take(np.array([0, 2]))
    assert again.source.tolist() == [3, 0]
    assert again.rows["price"].tolist() == [4.0, 1.0]


def test_new_columns_leave_the_old_rows_as_they_were(table):
    rows = table(price=[1.0, 2.0])
    other = rows.with_columns({"price": np.array([5.0, 6.0])})
    assert rows.rows["price"].tolist() == [1.0, 2.0]
    assert other.rows["price"].tolist() == [5.0, 6.0]


def test_what_was_derived_is_not_handed_on_to_other_rows(table):
    rows = table(price=[1.0, 2.0])
    assert rows.derived("sum", lambda: rows.rows["price"].sum()) == 3.0
    assert rows.derived("sum", lambda: -1.0) == 3.0
    assert rows.with_columns({"price": np.array([5.0, 6.0])}).derived("sum", lambda: 11.0) == 11.0


def test_a_feature_without_a_column_is_refused(table):
    rows = table(price=[1.0, 2.0])
    with pytest.raises(ValueError, match=r"no column for the features \['price'\]"):
        drift_rows(
            rows.rows.drop(columns="price"),
            features=rows.features,
            card=rows.card,
            observed_until=rows.observed_until,
        )
