"""Faults of sensors, by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from holdfast.drift.sensors.clipping import Clipping
from holdfast.drift.sensors.late_features import LateFeatures
from holdfast.drift.sensors.missing import MissingAtRandom, MissingByValue
from holdfast.drift.sensors.noise import Noise
from holdfast.drift.sensors.permuted_categories import PermutedCategories
from holdfast.drift.sensors.stuck import Stuck
from holdfast.drift.sensors.swapped_columns import SwappedColumns
from holdfast.drift.sensors.unit_change import UnitChange

N = 20_000


@pytest.fixture
def many(table):
    generator = np.random.default_rng(0)
    item = generator.integers(0, 300, size=N)
    return table(
        item_id=item,
        price=generator.lognormal(size=N),
        size=generator.lognormal(sigma=1.1, size=N),
        age=generator.normal(40.0, 5.0, size=N),
    )


def test_the_share_that_goes_missing_is_as_said_in_each_column_on_its_own(many):
    drifted = MissingAtRandom().inject(many, severity=3, seed=0).rows.rows
    price, size = drifted["price"].isna(), drifted["size"].isna()
    # Four standard errors of a share of 1/4, and of 1/16 of rows that lack both.
    assert price.mean() == pytest.approx(0.25, abs=0.0123)
    assert (price & size).mean() == pytest.approx(0.0625, abs=0.007)


def test_an_item_loses_all_or_nothing_if_items_are_the_unit(many):
    drifted = MissingAtRandom(unit="item", columns=["price"]).inject(many, severity=4, seed=0).rows.rows
    assert (drifted["price"].isna().groupby(drifted["item_id"]).nunique() == 1).all()
    assert 0.3 < drifted["price"].isna().mean() < 0.7


@pytest.mark.parametrize("low", [False, True])
def test_values_are_missing_with_the_chance_of_their_rank(many, low):
    drifted = MissingByValue(columns=["price"], low=low).inject(many, severity=3, seed=0).rows.rows
    rank = many.rows["price"].rank(pct=True)
    rank = 1.0 - rank if low else rank
    missing = drifted["price"].isna()
    tenth = (rank * 10).clip(upper=9.999).astype(int)
    expected = 2.0 * 0.25 * rank.groupby(tenth).mean()
    # Shares of 2,000 rows: four standard errors are at most .045.
    assert (missing.groupby(tenth).mean() - expected).abs().max() < 0.045


def test_a_constant_is_one_known_value(table):
    rows = table(price=[1.0, np.nan, 3.0, 4.0])
    found = Stuck(strengths=[1.0] * 5).inject(rows, severity=1, seed=0).rows.rows["price"]
    assert found.nunique() == 1
    assert found.iloc[0] in (1.0, 3.0, 4.0)


def test_the_last_reading_is_repeated(table):
    rows = table(price=np.arange(50.0))
    drifted = Stuck(at="last").inject(rows, severity=4, seed=0)
    expected = rows.rows["price"].mask(pd.Series(drifted.changed_rows)).ffill().fillna(0.0)
    assert drifted.rows.rows["price"].tolist() == expected.tolist()
    assert 10 < drifted.changed_rows.sum() < 40


def test_a_unit_is_a_factor(table):
    rows = table(price=[1.0, np.nan, 3.0, 1e306])
    found = UnitChange(strengths=[1.0] * 5, factor=1000.0).inject(rows, severity=1, seed=0).rows.rows
    assert found["price"].tolist()[0] == 1000.0
    assert np.isnan(found["price"].tolist()[1])
    assert found["price"].tolist()[2] == 3000.0
    assert np.isinf(found["price"].tolist()[3])


def test_noise_has_the_deviation_asked_for_and_grows_without_turning(many):
    injector = Noise(columns=["price"])
    clean = many.rows["price"]
    added = [injector.inject(many, severity=each, seed=0).rows.rows["price"] - clean for each in (2, 5)]
    assert added[1].std() / clean.std() == pytest.approx(2.0, abs=0.04)
    assert added[1].mean() / clean.std() == pytest.approx(0.0, abs=0.057)
    np.testing.assert_allclose(added[0] * 8.0, added[1], atol=1e-9)


def test_clipping_is_at_the_quantiles(many):
    found = Clipping(columns=["price"]).inject(many, severity=3, seed=0).rows.rows["price"]
    low, high = np.quantile(many.rows["price"], [0.1, 0.9])
    np.testing.assert_array_equal(found, many.rows["price"].clip(low, high))


def test_the_two_most_alike_are_exchanged(many):
    drifted = SwappedColumns().inject(many, severity=4, seed=0)
    assert set(drifted.changed_columns) == {"price", "size"}
    where = drifted.changed_rows
    before, after = many.rows, drifted.rows.rows
    np.testing.assert_array_equal(after["price"], np.where(where, before["size"], before["price"]))
    np.testing.assert_array_equal(after["size"], np.where(where, before["price"], before["size"]))


def test_categories_go_round_once(table):
    topic = np.array(["a", "b", "c", "d"] * 500)
    drifted = PermutedCategories(strengths=[0.5, 0.6, 0.7, 0.8, 1.0]).inject(
        table(topic=topic), severity=5, seed=0
    )
    pairs = pd.crosstab(topic, drifted.rows.rows["topic"].to_numpy())
    # One to one, and none to itself.
    assert ((pairs > 0).sum(axis=0) == 1).all()
    assert ((pairs > 0).sum(axis=1) == 1).all()
    assert np.diag(pairs).sum() == 0


def test_late_history_is_that_of_the_last_row_so_long_ago(table):
    rows = table(
        user_id=[1, 2, 1, 1, 2, 1],
        hours=[0, 1, 24, 30, 40, 72],
        user_impressions_1d=[10, 20, 11, 12, 21, 13],
    )
    injector = LateFeatures()
    one = injector.inject(rows, severity=1, seed=0)
    # 30 h: the last row a day before is that of 0 h; 40 h of user 2: that of 1 h; 72 h: that of 30 h.
    assert one.rows.rows["user_impressions_1d"].tolist() == [10, 20, 10, 10, 20, 12]
    assert one.figures["mean_age_days"] == pytest.approx((0 + 0 + 24 + 30 + 39 + 42) / 24 / 6)
    assert one.figures["share_too_fresh"] == pytest.approx(2 / 6)
    three = injector.inject(rows, severity=3, seed=0)
    assert three.rows.rows["user_impressions_1d"].tolist() == [10, 20, 10, 10, 20, 10]
    assert "no history columns" in (injector.fits(table(price=[1.0])) or "")


@pytest.mark.parametrize("injector", [Noise(), Stuck(), UnitChange(), Clipping(), MissingByValue()])
def test_constant_columns_do_not_fit_and_named_ones_are_looked_for(table, injector):
    assert "two different values" in (injector.fits(table(price=[1.0, 1.0, np.nan])) or "")
    named = type(injector)(columns=["weight"])
    assert "['weight'] are no numeric features; there are ['price']" in (
        named.fits(table(price=[1.0, 2.0])) or ""
    )


def test_history_is_hit_only_where_the_card_has_no_numbers(table):
    both = table(price=[1.0, 2.0], item_clicks_7d=[3, 4])
    assert Noise().inject(both, severity=1, seed=0).changed_columns == ("price",)
    alone = table(item_clicks_7d=[3, 4])
    assert Noise().inject(alone, severity=1, seed=0).changed_columns == ("item_clicks_7d",)


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (lambda: MissingAtRandom(unit="planet"), "unit is 'planet'"),
        (lambda: Stuck(at="never"), "at is 'never'"),
        (lambda: UnitChange(factor=1.0), "factor is 1.0"),
        (lambda: UnitChange(factor=float("nan")), "factor is nan"),
        (lambda: Clipping(strengths=[0.1, 0.2, 0.3, 0.4, 0.5]), "half from each end"),
        (lambda: SwappedColumns(columns=["a", "a"]), "two different columns"),
    ],
)
def test_bad_settings_are_refused(made, said):
    with pytest.raises(ValueError, match=said):
        made()
