"""Re-mixes: who is favoured stays, of the others a share goes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from holdfast.drift.covariates.calendar_remix import HourRemix, SeasonRemix
from holdfast.drift.covariates.popularity_shock import PopularityShock
from holdfast.drift.covariates.segment_remix import SegmentRemix, favoured_segments

REQUESTS = 3000


@pytest.fixture
def slates(table):
    generator = np.random.default_rng(0)
    market = generator.choice(["a", "b", "c"], size=REQUESTS, p=[0.2, 0.5, 0.3])
    return table(
        request_id=np.repeat(np.arange(REQUESTS), 2),
        user_id=np.repeat(np.arange(REQUESTS) // 3, 2),
        slot=np.tile([0, 1], REQUESTS),
        hours=np.repeat(generator.integers(0, 24 * 7, size=REQUESTS), 2),
        item_id=generator.integers(0, 50, size=2 * REQUESTS),
        market=pd.Series(np.repeat(market, 2), dtype="str"),
        click=generator.random(2 * REQUESTS) < 0.3,
    )


def test_the_named_segment_stays_and_of_the_others_the_share_is_lost(slates):
    injector = SegmentRemix(column="market", values=["a"])
    for severity, lost in zip(range(1, 6), injector.strengths, strict=True):
        drifted = injector.inject(slates, severity=severity, seed=0)
        left = drifted.rows.rows["market"].value_counts()
        before = slates.rows["market"].value_counts()
        assert left["a"] == before["a"]
        others, expected = len(drifted.rows) - left["a"], (1.0 - lost) * (len(slates) - before["a"])
        # Requests of two rows: three standard deviations of a binomial, doubled.
        assert abs(others - expected) < 3.0 * 2.0 * np.sqrt(lost * (1.0 - lost) * REQUESTS)
        assert drifted.figures["favoured_share"] == pytest.approx(left["a"] / len(drifted.rows))
        assert injector.strength_of(slates, drifted) == pytest.approx(
            left["a"] / len(drifted.rows) - before["a"] / len(slates)
        )


def test_chance_favours_about_a_quarter_and_never_all():
    segment = np.repeat(np.arange(10), 100)
    for seed in range(20):
        assert favoured_segments(segment, seed=seed).sum() == 3
        assert favoured_segments(np.array([0, 1]), seed=seed).sum() == 1


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"column": "topic"}, r"columns \['topic'\] are no categorical features"),
        ({"column": "market", "values": ["z"]}, r"no request has one of the values \['z'\]"),
        ({"column": "market", "values": ["a", "b", "c"]}, "nothing to thin"),
    ],
)
def test_a_segment_that_is_not_there_does_not_fit(slates, settings, said):
    reason = SegmentRemix(**settings).fits(slates)
    assert reason is not None
    assert pd.Series([reason]).str.contains(said).all()


def test_a_column_of_items_is_no_segment_of_requests(table):
    rows = table(topic=["x", "y"])
    assert "one user and one context" in (SegmentRemix(column="topic").fits(rows) or "")
    assert "same value of market" in (SegmentRemix().fits(table(market=["x", "x"])) or "")


def test_hours_are_those_of_the_cards_zone(table):
    # 20:00 to 23:00 in UTC are 5:00 to 8:00 of the next day in Tokyo.
    rows = table(hours=[20, 21, 22, 23, 3, 4, 5], time_zone="Asia/Tokyo")
    injector = HourRemix(num_hours=4, strengths=[1.0] * 5)
    kept = {tuple(injector.inject(rows, severity=1, seed=seed).rows.source) for seed in range(30)}
    assert (0, 1, 2, 3) in kept  # the block from 5:00 on
    assert (4, 5, 6) in kept  # from 12:00 on
    # A block that starts later holds the rest of its hours only, in order of the clock.
    assert (1, 2, 3) in kept


def test_hours_that_one_block_always_covers_do_not_fit(table):
    assert "all there are" in (HourRemix(num_hours=6).fits(table(hours=[1, 1, 1])) or "")


def test_days_of_the_week_are_those_of_the_cards_zone(table):
    # Monday 20:00 in UTC is a Tuesday in Tokyo.
    rows = table(hours=[1, 20, 30, 80], time_zone="Asia/Tokyo")
    injector = SeasonRemix(weekdays=[1], strengths=[1.0] * 5)
    assert injector.inject(rows, severity=5, seed=0).rows.source.tolist() == [1, 2]
    assert "nothing to thin" in (SeasonRemix(weekdays=[0, 1, 3]).fits(rows) or "")
    assert "there are [0, 1, 3]" in (SeasonRemix(weekdays=[5]).fits(rows) or "")


def test_requests_of_hot_items_stay(slates):
    drifted = PopularityShock(strengths=[1.0] * 5).inject(slates, severity=1, seed=0)
    # At strength 1 only requests with a hot item are left: an item is in all of its requests or in some.
    before, after = slates.rows["item_id"].value_counts(), drifted.rows.rows["item_id"].value_counts()
    hot = [item for item, shown in after.items() if shown == before[item]]
    assert len(hot) == 1
    shown = slates.rows.groupby("request_id")["item_id"].apply(lambda items: hot[0] in set(items))
    assert set(drifted.rows.rows["request_id"]) == set(shown[shown].index)


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (lambda: SegmentRemix(values=["a"]), "values is .* name the column"),
        (lambda: HourRemix(num_hours=24), "num_hours is 24"),
        (lambda: SeasonRemix(weekdays=[7]), r"weekdays is \[7\]"),
        (lambda: PopularityShock(share_of_rows=1.0), "share_of_rows is 1.0"),
    ],
)
def test_bad_settings_are_refused(made, said):
    with pytest.raises(ValueError, match=said):
        made()
