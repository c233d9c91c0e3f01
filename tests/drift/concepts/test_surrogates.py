"""Surrogates of concept drift: who loses what, by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from holdfast.drift.concepts.clickbait_fatigue import ClickbaitFatigue
from holdfast.drift.concepts.dwell_rescaling import DwellRescaling
from holdfast.drift.concepts.preference_rotation import PreferenceRotation
from holdfast.drift.concepts.retention_shift import RetentionShift
from holdfast.drift.concepts.steering import steering

N = 20_000
FULL = [1.0] * 5


@pytest.fixture
def drawn(table):
    generator = np.random.default_rng(0)
    price = generator.random(N)
    # Clicks go along with price, downwards, and not with size.
    click = generator.random(N) < 0.6 - 0.5 * price
    return table(
        price=price, size=generator.random(N), click=click, dwell_seconds=np.where(click, 10.0, np.nan)
    )


def test_the_steering_feature_is_the_one_that_goes_along_with_the_outcome(drawn):
    found = steering(
        drawn, ["size", "price"], drawn.rows["click"].to_numpy(float), where=np.ones(N, dtype=bool)
    )
    assert found.name == "price"
    expected = np.corrcoef(drawn.rows["price"].rank(), drawn.rows["click"])[0, 1]
    assert found.correlation == pytest.approx(expected, abs=0.01)
    assert np.corrcoef(found.rank, drawn.rows["price"])[0, 1] < -0.99


def test_clicks_are_lost_with_strength_times_rank_and_dwell_with_them(drawn):
    drifted = ClickbaitFatigue(strengths=FULL).inject(drawn, severity=1, seed=0)
    lost = drawn.rows["click"] & ~drifted.rows.rows["click"]
    clicks = drawn.rows["click"]
    tenth = (drawn.rows["price"] * 10).astype(int)
    share = lost[clicks].groupby(tenth[clicks]).mean()
    # The cheapest are clicked most, and lose most; at least 200 clicks a tenth: four errors are .14.
    np.testing.assert_allclose(share, 1.0 - (np.arange(10) + 0.5) / 10, atol=0.14)
    assert drifted.rows.rows["dwell_seconds"].notna().equals(drifted.rows.rows["click"])
    assert not (~clicks & drifted.rows.rows["click"]).any()
    assert "low values of price" in drifted.notes[0]


def test_a_row_without_the_feature_keeps_its_click(table):
    rows = table(price=[0.0, np.nan, 1.0], click=[True, True, True])
    drifted = ClickbaitFatigue(strengths=FULL).inject(rows, severity=1, seed=0)
    assert drifted.rows.rows["click"].iloc[1]


def test_turned_users_click_the_mirror_of_what_they_clicked(table):
    rows = table(
        request_id=[1, 1, 1, 2, 2, 3],
        user_id=[1, 1, 1, 2, 2, 3],
        slot=[0, 1, 2, 0, 1, 0],
        price=[5.0, 9.0, 7.0, 8.0, 2.0, 3.0],
        click=[False, True, False, True, True, True],
        dwell_seconds=[np.nan, 60.0, np.nan, 4.0, 5.0, 6.0],
        content_seconds=[20.0, 90.0, 90.0, 90.0, 90.0, 90.0],
    )
    drifted = PreferenceRotation(strengths=FULL, feature="price").inject(rows, severity=1, seed=0)
    found = drifted.rows.rows
    # Dear (9) and cheap (5) of the first request change places; the stay ends with the shorter content.
    assert found["click"].tolist() == [True, False, False, True, True, True]
    np.testing.assert_array_equal(found["dwell_seconds"], [20.0, np.nan, np.nan, 5.0, 4.0, 6.0])
    assert found["price"].tolist() == rows.rows["price"].tolist()


def test_a_request_keeps_its_number_of_clicks(table):
    generator = np.random.default_rng(0)
    request = np.repeat(np.arange(500), 4)
    rows = table(
        request_id=request,
        user_id=request // 2,
        slot=np.tile(np.arange(4), 500),
        price=generator.integers(0, 3, size=2000).astype(float),
        click=generator.random(2000) < 0.4,
    )
    drifted = PreferenceRotation().inject(rows, severity=4, seed=0)
    before = rows.rows["click"].groupby(request).sum()
    assert drifted.rows.rows["click"].groupby(request).sum().equals(before)
    assert drifted.figures["share_of_users"] == pytest.approx(0.75, abs=0.005)


def test_lonely_rows_have_nothing_to_prefer(table):
    rows = table(price=[1.0, 2.0], click=[True, False])
    assert "one row only" in (PreferenceRotation().fits(rows) or "")


def test_stays_shrink_by_the_rank_of_what_held_people(table):
    price = np.linspace(0.0, 1.0, 401)
    rows = table(price=price, click=np.ones(401, dtype=bool), dwell_seconds=10.0 + price)
    found = DwellRescaling(strengths=FULL).inject(rows, severity=1, seed=0).rows.rows["dwell_seconds"]
    np.testing.assert_allclose(found, (10.0 + price) * np.exp(-price), rtol=0.01)


def test_no_dwell_does_not_fit(table):
    rows = table(price=[1.0, 2.0], click=[True, True], dwell_seconds=[np.nan, np.nan])
    assert DwellRescaling().fits(rows) == "no dwell is known"


def test_returns_are_lost_by_day_and_by_rank(table):
    generator = np.random.default_rng(0)
    user = np.repeat(np.arange(2000), 3)
    hours = (user % 5) * 24 + np.tile([1, 2, 3], 2000)
    back = pd.Series(pd.Timestamp("2025-03-20", tz="UTC"), index=range(6000)).dt.as_unit("us")
    rows = table(
        user_id=user,
        hours=hours,
        next_visit_at=back.mask(np.repeat(generator.random(2000) < 0.5, 3)),
        user_active_days_7=np.repeat(np.arange(2000) % 2, 3),
    )
    drifted = RetentionShift(strengths=FULL).inject(rows, severity=1, seed=0)
    before, after = rows.rows["next_visit_at"].notna(), drifted.rows.rows["next_visit_at"].notna()
    lost = before & ~after
    assert (lost.groupby(user).nunique() == 1).all()
    share = lost[before].groupby(rows.rows["user_active_days_7"][before]).mean()
    # Two values: their ranks are 1/4 and 3/4. About 500 days each: four standard errors are .08.
    np.testing.assert_allclose(share, [0.25, 0.75], atol=0.085)


def test_without_a_history_everybody_loses_alike(table):
    back = pd.Series(pd.Timestamp("2025-03-20", tz="UTC"), index=range(4000)).dt.as_unit("us")
    drifted = RetentionShift(strengths=FULL).inject(table(next_visit_at=back), severity=1, seed=0)
    assert drifted.figures["share_of_returns"] == pytest.approx(0.5, abs=0.032)


@pytest.mark.parametrize("injector", [ClickbaitFatigue(), PreferenceRotation()])
def test_clicks_and_a_number_are_needed(table, injector):
    assert injector.fits(table(price=[1.0, 2.0])) == "nothing was clicked"
    assert "no numeric feature" in (injector.fits(table(topic=["a", "b"], click=[True, True])) or "")
    assert "no numeric feature of the item" in (
        injector.fits(table(age=[1.0, 2.0], click=[True, True])) or ""
    )
