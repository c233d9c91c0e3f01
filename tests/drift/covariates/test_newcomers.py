"""Users, items and values that training never saw."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from holdfast.drift.covariates.item_churn import ItemChurn
from holdfast.drift.covariates.new_values import NewCategories, NewMarket
from holdfast.drift.covariates.newcomers import NewItems, NewUsers

ALL = [1.0] * 5


def test_a_new_user_has_no_history_and_the_rate_of_others_without_one(table):
    rows = table(
        user_id=[7, 8, 7, 9],
        age=[30.0, 40.0, 30.0, 50.0],
        seen=pd.Series([["x"], ["y"], ["x"], None], dtype=object),
        user_impressions_1d=[4, 0, 6, 0],
        user_click_rate_1d=[0.5, 0.11, 0.6, 0.12],
        user_dwell_mean_1d=[9.0, np.nan, 8.0, np.nan],
        user_days_since_active=[1.0, 2.0, 1.0, np.nan],
        user_active_days_7=[3, 1, 3, 0],
    )
    found = NewUsers(strengths=ALL).inject(rows, severity=1, seed=0).rows.rows
    assert found["user_impressions_1d"].tolist() == [0, 0, 0, 0]
    assert found["user_active_days_7"].tolist() == [0, 0, 0, 0]
    # The nearest rows without impressions are 1, 1, 1 or 3 (as near), and 3.
    assert found["user_click_rate_1d"].tolist() == [0.11, 0.11, 0.12, 0.12]
    assert found["user_dwell_mean_1d"].isna().all()
    assert found["user_days_since_active"].isna().all()
    assert found["seen"].isna().all()
    # What was declared stays, and users are still told apart.
    assert found["age"].tolist() == [30.0, 40.0, 30.0, 50.0]
    assert found["user_id"].iloc[0] == found["user_id"].iloc[2] != found["user_id"].iloc[1]
    assert not set(found["user_id"]) & {7, 8, 9}


def test_no_row_without_impressions_leaves_the_rate_unknown(table):
    rows = table(user_impressions_1d=[4, 5], user_click_rate_1d=[0.5, 0.4])
    found = NewUsers(strengths=ALL).inject(rows, severity=1, seed=0).rows.rows
    assert found["user_click_rate_1d"].isna().all()


@pytest.mark.parametrize("new_categories", [True, False])
def test_a_new_item_keeps_its_numbers_and_loses_its_categories_if_asked(table, new_categories):
    rows = table(
        item_id=[1, 2, 1],
        topic=["x", "y", "x"],
        market=["m", "m", "m"],
        price=[5.0, 6.0, 5.0],
        item_clicks_7d=[3, 4, 3],
    )
    found = NewItems(strengths=ALL, new_categories=new_categories).inject(rows, severity=1, seed=0)
    frame = found.rows.rows
    assert (frame["topic"] == rows.rows["topic"]).any() != new_categories
    assert frame["price"].tolist() == [5.0, 6.0, 5.0]
    assert frame["market"].tolist() == ["m", "m", "m"]
    assert frame["item_clicks_7d"].tolist() == [0, 0, 0]
    assert found.figures["new_items"] == 2.0


def test_users_of_the_new_market_share_one_value_in_all_their_rows(table):
    user = np.random.default_rng(0).integers(0, 400, size=4000)
    rows = table(user_id=user, market=np.where(user % 2, "a", "b"))
    drifted = NewMarket().inject(rows, severity=4, seed=0)
    market = drifted.rows.rows["market"]
    new = ~market.isin(["a", "b"])
    assert market[new].nunique() == 1
    assert (pd.Series(new).groupby(user).nunique() == 1).all()
    assert len(np.unique(user[new])) == 200


def test_context_serves_as_market_where_users_have_no_category(table):
    assert NewMarket().inject(table(device=["a", "b"]), severity=5, seed=0).changed_columns == ("device",)
    assert "no such categorical" in (NewMarket().fits(table(topic=["a", "b"])) or "")


def test_so_many_values_of_each_column_are_new(table):
    topic = np.repeat([f"t{each}" for each in range(10)], 3)
    rows = table(topic=topic)
    for severity, replaced in zip(range(1, 6), [1, 2, 5, 8, 10], strict=True):
        found = NewCategories().inject(rows, severity=severity, seed=0).rows.rows["topic"]
        left = set(found) & set(topic)
        assert len(left) == 10 - replaced
        # An old value has one new one, another has another.
        assert found.nunique() == 10
        assert pd.Series(found.to_numpy()).groupby(topic).nunique().max() == 1


def test_what_is_missing_does_not_become_new(table):
    rows = table(topic=pd.Series(["a", None, "b"], dtype="str"))
    drifted = NewCategories().inject(rows, severity=5, seed=0)
    assert drifted.rows.rows["topic"].isna().tolist() == [False, True, False]
    assert drifted.changed_rows.tolist() == [True, False, True]


def test_churn_takes_just_the_rows_of_withdrawn_items(table):
    item = np.random.default_rng(1).integers(0, 20, size=300)
    rows = table(item_id=item, slot=np.arange(300) % 6)
    drifted = ItemChurn().inject(rows, severity=4, seed=0)
    left = drifted.rows.rows
    assert left["item_id"].nunique() == 10
    assert drifted.rows.source.tolist() == np.flatnonzero(np.isin(item, left["item_id"])).tolist()


def test_the_most_shown_go_first_if_asked(table):
    rows = table(item_id=np.repeat([1, 2, 3, 4], [1, 5, 9, 2]))
    injector = ItemChurn(popular_first=True, strengths=[0.25, 0.5, 0.5, 0.75, 0.75])
    left = [set(injector.inject(rows, severity=each, seed=0).rows.rows["item_id"]) for each in (1, 2, 4)]
    assert left == [{1, 2, 4}, {1, 4}, {1}]


def test_not_all_items_can_go():
    with pytest.raises(ValueError, match="some items must stay"):
        ItemChurn(strengths=ALL)


def test_nobody_has_anything_to_forget_where_all_are_like_new(table):
    rows = table(user_impressions_1d=[0, 0], user_click_rate_1d=[0.1, 0.2], item_clicks_7d=[0, 0])
    # Without user_id among the features nothing that a model reads would be different.
    rows = replace(rows, features=tuple(each for each in rows.features if not each.name.endswith("_id")))
    assert "all are like new already" in (NewUsers().fits(rows) or "")
    assert "all are like new already" in (NewItems().fits(rows) or "")
    some = rows.with_columns({"user_impressions_1d": np.array([0, 3])})
    assert NewUsers().fits(some) is None
    with_topic = table(topic=["x", "y"])
    assert NewItems().fits(with_topic) is None


def test_at_least_one_unit_is_hit(table):
    rows = table(user_id=np.repeat([1, 2, 3], 4), user_impressions_1d=np.full(12, 5))
    for severity, users in zip(range(1, 6), [1, 1, 1, 2, 3], strict=True):
        assert NewUsers().inject(rows, severity=severity, seed=0).figures["new_users"] == users
