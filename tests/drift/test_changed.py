"""What changed, told from the rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from holdfast.drift.changed import NOTHING_CHANGED, anything_changed, changed_cells, told
from holdfast.drift.covariates.new_values import NewCategories
from holdfast.drift.covariates.popularity_shock import PopularityShock
from holdfast.drift.injector import Drifted, unchanged
from holdfast.drift.sensors.missing import MissingAtRandom
from holdfast.drift.sensors.noise import Noise
from holdfast.drift.sensors.swapped_columns import SwappedColumns


@pytest.mark.parametrize("dtype", ["Int64", "Float64", "float32", "boolean", "string", "category", object])
def test_two_missing_values_do_not_differ_whatever_they_are_kept_in(dtype):
    before = pd.Series([1, 0, None, None, 1], dtype="Int64").astype(dtype)
    after = pd.Series([1, 1, None, 0, None], dtype="Int64").astype(dtype)
    assert changed_cells(before, after).tolist() == [False, True, False, True, True]


def test_times_and_types_that_differ_are_compared_as_they_are():
    times = pd.Series(pd.to_datetime(["2025-01-01", None, None], utc=True))
    moved = pd.Series(pd.to_datetime(["2025-01-01", "2025-01-02", None], utc=True))
    assert changed_cells(times, moved).tolist() == [False, True, False]
    whole, broken = pd.Series([1, 2, 3]), pd.Series([1.0, 2.5, np.nan])
    assert changed_cells(whole, broken).tolist() == [False, True, True]


def test_a_change_in_the_last_row_is_found_and_none_is_none(table):
    rows = table(price=np.arange(500.0))
    price = rows.rows["price"].to_numpy(copy=True)
    price[-1] += 1.0
    same = rows.with_columns({"price": rows.rows["price"].to_numpy(copy=True)})
    other = rows.with_columns({"price": price})
    everywhere = np.ones(500, dtype=bool)
    assert anything_changed(rows, Drifted(other, ("price",), everywhere))
    assert anything_changed(rows, Drifted(other, None, None))
    assert not anything_changed(rows, Drifted(same, ("price",), everywhere))
    assert not anything_changed(rows, unchanged(rows))
    assert anything_changed(rows, Drifted(rows.take(np.arange(499))))
    assert anything_changed(rows, Drifted(rows.take(np.arange(500)[::-1])))
    earlier = replace(rows, observed_until=rows.observed_until - pd.Timedelta(days=1))
    assert anything_changed(rows, Drifted(earlier))


def test_it_is_said_where_nothing_changed(table):
    rows = table(price=np.arange(5.0))
    kept = Drifted(rows, ("price",), np.zeros(5, dtype=bool), ("of two",))
    assert told(rows, kept).notes == ("of two", NOTHING_CHANGED)
    # One value of twenty goes missing by chance: with one row mostly none does.
    one = table(price=[3.0])
    notes = [MissingAtRandom().inject(one, severity=1, seed=seed).notes for seed in range(20)]
    assert (NOTHING_CHANGED,) in notes


def test_a_named_column_that_cannot_change_is_not_passed_over_in_silence(table):
    rows = table(price=[1.0, 2.0, 3.0], size=[7.0, 7.0, 7.0], topic=[None, None, None])
    said = Noise(columns=["price", "size"]).inject(rows, severity=1, seed=0).notes
    assert said == ("left alone, because nothing in them can change: size",)
    said = (
        MissingAtRandom(strengths=[1.0] * 5, columns=["price", "topic"])
        .inject(rows, severity=1, seed=0)
        .notes
    )
    assert said == ("left alone, because nothing in them can change: topic",)


def test_missing_categories_are_no_values_that_could_be_new(table):
    rows = table(topic=["a", None, None, None])
    for seed in range(5):
        drifted = NewCategories(columns=["topic"]).inject(rows, severity=1, seed=seed)
        assert drifted.changed_rows.tolist() == [True, False, False, False]
    assert "['topic'] has a value" in (NewCategories().fits(table(topic=[None, None])) or "")
    assert "['price'] has a value" in (MissingAtRandom().fits(table(price=[np.nan, np.nan])) or "")


def test_columns_that_are_the_same_are_not_exchanged(table):
    price = [1.0, 2.0, np.nan]
    twins = table(price=price, size=price)
    assert "the same values in every row" in (SwappedColumns().fits(twins) or "")
    third = table(price=price, size=price, age=[50.0, 60.0, 70.0])
    assert set(SwappedColumns().inject(third, severity=5, seed=0).changed_columns) != {"price", "size"}


def test_a_shock_of_an_item_that_everybody_sees_is_none(table):
    slates = {"request_id": [0, 0, 1, 1, 2, 2], "slot": [0, 1] * 3}
    assert "every request shows every item" in (
        PopularityShock().fits(table(**slates, item_id=[1, 2] * 3)) or ""
    )
    rows = table(**slates, item_id=[1, 2, 1, 3, 1, 4])
    shock = PopularityShock(strengths=[1.0] * 5, share_of_rows=0.9)
    for seed in range(10):
        left = shock.inject(rows, severity=1, seed=seed).rows.rows["request_id"].unique()
        assert 0 < len(left) < 3
