"""What is told of what happened."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from holdfast.data.log import Log
from holdfast.drift.labels.bots import Bots
from holdfast.drift.labels.longer_delay import LongerDelay
from holdfast.drift.labels.lost_events import LostEvents

N = 2000


@pytest.fixture
def rows(table):
    generator = np.random.default_rng(0)
    click = generator.random(N) < 0.5
    hours = np.sort(generator.uniform(0, 24 * 29.5, size=N))
    shown = pd.Timestamp("2025-03-03", tz="UTC") + pd.to_timedelta(hours, unit="h")
    back = pd.Series(shown + pd.to_timedelta(generator.uniform(1, 5, size=N), unit="D")).dt.as_unit("us")
    until = pd.Timestamp("2025-04-02", tz="UTC")
    return table(
        request_id=np.arange(N) // 2,
        user_id=np.arange(N) // 4,
        slot=np.arange(N) % 2,
        hours=hours,
        click=click,
        dwell_seconds=np.where(click, generator.exponential(20_000.0, size=N), np.nan),
        dwell_cut=np.zeros(N, dtype=bool),
        next_visit_at=back.where(back < until),
        user_impressions_1d=generator.integers(0, 9, size=N),
    )


@pytest.mark.parametrize("severity", [1, 3, 5])
def test_what_is_known_is_what_the_log_knew_then(rows, severity):
    drifted = LongerDelay().inject(rows, severity=severity, seed=0)
    moment = drifted.rows.observed_until
    expected = Log(rows.rows, rows.card, rows.observed_until).as_of(moment).frame
    shown = (rows.rows["shown_at"] < moment).to_numpy()
    assert 0 < shown.sum() < N
    found = drifted.rows.rows
    for column in ("click", "dwell_seconds", "dwell_cut", "next_visit_at"):
        left, right = found[column][shown].reset_index(drop=True), expected[column]
        pd.testing.assert_series_equal(left, right, check_dtype=False)
    assert found["click"][~shown].isna().all()
    assert found["dwell_seconds"][~shown].isna().all()
    assert drifted.figures["share_of_rows_without_outcome"] == pytest.approx(1.0 - shown.mean())


def test_lost_clicks_lose_their_dwell_and_nothing_else(rows):
    drifted = LostEvents().inject(rows, severity=3, seed=0)
    before, after = rows.rows, drifted.rows.rows
    lost = before["click"] & ~after["click"]
    # About 1,000 clicks: four standard errors of a share of 1/4.
    assert lost.sum() / before["click"].sum() == pytest.approx(0.25, abs=0.055)
    assert after["dwell_seconds"][lost].isna().all()
    np.testing.assert_array_equal(after["dwell_seconds"][~lost], before["dwell_seconds"][~lost])
    np.testing.assert_array_equal(drifted.changed_rows, lost)


def test_bots_come_on_top_in_whole_requests_and_click_at_random(rows):
    drifted = Bots(requests_per_bot=10).inject(rows, severity=5, seed=0)
    frame = drifted.rows.rows
    assert frame.iloc[:N].equals(rows.rows)
    added = frame.iloc[N:]
    assert len(added) == N
    assert added["request_id"].nunique() == N // 2
    assert not set(added["request_id"]) & set(rows.rows["request_id"])
    assert added["user_id"].nunique() == N // 20
    assert added["click"].mean() == pytest.approx(0.5, abs=0.045)
    assert added["dwell_seconds"].isna().all()
    assert added["next_visit_at"].isna().all()
    assert (added["user_impressions_1d"] == 0).all()
    assert added["slot"].tolist() == rows.rows["slot"].iloc[drifted.rows.source[N:]].tolist()


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (lambda: Bots(click_chance=1.5), "click_chance is 1.5"),
        (lambda: Bots(requests_per_bot=0), "requests_per_bot is 0"),
        (lambda: LostEvents(unit="planet"), "unit is 'planet'"),
        (lambda: LongerDelay(strengths=[-1.0, 1.0, 2.0, 3.0, 4.0]), "strengths is"),
    ],
)
def test_bad_settings_are_refused(made, said):
    with pytest.raises(ValueError, match=said):
        made()
