from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from holdfast.app.simulating.served_features import ServedFeatures
from holdfast.data.history import TrailingHistory
from holdfast.simulation.closed_loop import Morning, morning_after
from holdfast.simulation.observing import observed_days
from holdfast.simulation.publishing import Publication
from holdfast.simulation.world import DefaultWorld

WORLD = DefaultWorld(num_users=120, num_items=100, num_days=12, burn_in_days=3)
HISTORY = TrailingHistory(refresh="nightly", window_days=[1, 3])


@pytest.fixture(scope="module")
def publication() -> Publication:
    return WORLD.publication(WORLD.mechanisms(), WORLD.behavior_on(0))


@pytest.fixture(scope="module")
def morning(publication: Publication) -> Morning:
    return morning_after(publication, WORLD.behavior_on, day=12)


def served(publication: Publication, morning: Morning, *, keep_days: int | None) -> ServedFeatures:
    features = ServedFeatures(HISTORY, publication, keep_days=keep_days)
    for day in morning.logged:
        features.observe(day.day, day)
    return features


def test_what_was_kept_is_what_the_whole_log_gives_also_for_a_window_of_it(
    publication: Publication, morning: Morning
):
    whole = publication.log(morning.logged, until_day=12)
    computed = HISTORY.compute(whole)
    kept = served(publication, morning, keep_days=5).of_the_log()
    window = publication.log(morning.logged[-5:], until_day=12)
    expected = computed[(whole.frame["request_id"] >= window.frame["request_id"].min()).to_numpy()]
    pd.testing.assert_frame_equal(kept.compute(window)[expected.columns], expected.reset_index(drop=True))
    # Computed from the window alone, the first days would have lost their past.
    alone = HISTORY.compute(window)
    assert alone["user_days_since_active"].isna().sum() > expected["user_days_since_active"].isna().sum()
    assert [each.name for each in kept.features()] == [each.name for each in HISTORY.features()]


def test_a_part_of_the_rows_gets_its_own_columns(publication: Publication, morning: Morning):
    kept = served(publication, morning, keep_days=0).of_the_log()
    log = publication.log(morning.logged, until_day=12)
    middle = log.between(publication.until(4), publication.until(6))
    expected = HISTORY.compute(log)[log.frame["request_id"].isin(middle.frame["request_id"]).to_numpy()]
    np.testing.assert_array_equal(kept.compute(middle)[expected.columns], expected)


def test_days_that_were_not_kept_are_refused(publication: Publication, morning: Morning):
    kept = served(publication, morning, keep_days=2).of_the_log()
    with pytest.raises(ValueError, match="requests whose features were not kept"):
        kept.compute(publication.log(morning.logged, until_day=12))


def test_a_copy_goes_its_own_way(publication: Publication, morning: Morning):
    one = ServedFeatures(HISTORY, publication, keep_days=0)
    for day in morning.logged[:6]:
        one.observe(day.day, day)
    twin = one.copied()
    twin.observe(6, None)  # nobody came to the twin that day
    one.observe(6, morning.logged[6])
    tomorrow = observed_days(publication, morning.logged[7:8], until_day=8)
    rows = tomorrow.frame[["user_id", "item_id", "shown_at"]]
    column = "item_impressions_1d"
    assert (twin.store(rows)[column] == 0).all()
    assert (one.store(rows)[column] > 0).any()
    assert len(twin.of_the_log()._columns) < len(one.of_the_log()._columns)
