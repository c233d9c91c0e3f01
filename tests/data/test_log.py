from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from pandas.testing import assert_frame_equal

from holdfast.data.card import DatasetCard, read_card
from holdfast.data.contract import check
from holdfast.data.log import Log, local_day, local_days, local_midnight


def utc(text: str) -> pd.Timestamp:
    return pd.Timestamp(text, tz="UTC")


@pytest.fixture
def log() -> Log:
    frame = pd.DataFrame(
        {
            "shown_at": pd.to_datetime(
                ["2024-01-01 10:00", "2024-01-01 11:00", "2024-01-02 10:00", "2024-01-03 10:00"], utc=True
            ).as_unit("us"),
            "dwell_seconds": [60.0, 7200.0, np.nan, 5.0],
            "next_visit_at": pd.to_datetime(
                ["2024-01-02 10:00", "2024-01-02 10:00", "2024-01-03 10:00", None], utc=True
            ).as_unit("us"),
        }
    )
    return Log(frame, DatasetCard(name="four rows"), utc("2024-01-04"))


def test_the_made_log_keeps_the_contract(make_log):
    log = make_log()
    assert list(check(log.frame, log.card, observed_until=log.observed_until)) == []


def test_rows_at_or_after_the_moment_are_gone(log):
    assert len(log.as_of(utc("2024-01-02 10:00"))) == 2
    assert len(log.as_of(utc("2024-01-02 10:00:00.000001"))) == 3
    assert len(log.as_of(utc("2024-01-01 10:00"))) == 0


def test_visits_at_or_after_the_moment_have_not_happened(log):
    at = log.as_of(utc("2024-01-02 10:00")).frame
    assert at["next_visit_at"].isna().all()
    after = log.as_of(utc("2024-01-02 10:00:00.000001")).frame
    assert after["next_visit_at"].notna().tolist() == [True, True, False]


def test_dwell_that_goes_on_is_cut(log):
    view = log.as_of(utc("2024-01-01 12:00")).frame
    assert view["dwell_seconds"].tolist() == [60.0, 3600.0]
    assert view["dwell_cut"].tolist() == [False, True]


def test_dwell_that_ends_at_the_moment_is_not_known_to_have_ended(log):
    at = log.as_of(utc("2024-01-01 13:00")).frame
    assert at["dwell_seconds"].tolist() == [60.0, 7200.0]
    assert at["dwell_cut"].tolist() == [False, True]
    after = log.as_of(utc("2024-01-01 13:00:00.000001")).frame
    assert after["dwell_cut"].tolist() == [False, False]


def test_no_view_knows_more_than_the_log(log):
    view = log.as_of(utc("2030-01-01"))
    assert view.observed_until == utc("2024-01-04")
    assert len(view) == 4


def test_the_log_itself_stays_as_it_was(log):
    before = log.frame.copy()
    log.as_of(utc("2024-01-01 12:00"))
    assert_frame_equal(log.frame, before)


@pytest.mark.parametrize("seed", range(3))
def test_a_view_of_a_view_is_the_view_of_the_earlier_moment(make_log, seed):
    log = make_log(seed)
    start = log.frame["shown_at"].iloc[0]
    rng = np.random.default_rng(seed)
    for early, late in np.sort(rng.uniform(0, 20, (5, 2)), axis=1):
        early, late = (start + pd.Timedelta(days=each) for each in (early, late))
        wanted = log.as_of(early)
        for got in (wanted.as_of(early), log.as_of(late).as_of(early), log.as_of(early).as_of(late)):
            assert_frame_equal(got.frame, wanted.frame)
            assert got.observed_until == wanted.observed_until


def test_between_keeps_what_is_known(log):
    view = log.as_of(utc("2024-01-02 11:00")).between(utc("2024-01-01 11:00"), utc("2024-01-02 10:00"))
    assert view.frame["next_visit_at"].tolist() == [utc("2024-01-02 10:00")]
    assert view.frame.index.tolist() == [0]
    assert view.observed_until == utc("2024-01-02 11:00")


def test_a_log_without_delayed_outcomes_has_views_too(log):
    view = replace(log, frame=log.frame[["shown_at"]]).as_of(utc("2024-01-02"))
    assert list(view.frame.columns) == ["shown_at"]
    assert len(view) == 2


def test_days_follow_the_clocks_of_the_time_zone():
    moments = pd.Series(
        pd.to_datetime(["2024-03-30 22:59", "2024-03-30 23:00", "2024-03-31 21:59", "2024-03-31 22:00", None])
    ).dt.tz_localize("UTC")
    # Clocks went on on 31 March 2024: that day of Copenhagen lasts from 23:00 to 22:00 UTC.
    assert local_days(moments, "Europe/Copenhagen")[:4].tolist() == [19812, 19813, 19813, 19814]
    assert local_days(moments, "UTC")[:4].tolist() == [19812, 19812, 19813, 19813]
    assert local_day(pd.Timestamp("1969-12-31 23:59", tz="UTC"), "UTC") == -1


@pytest.mark.parametrize(
    ("day", "zone", "start"),
    [
        ("2024-03-31", "Europe/Copenhagen", "2024-03-30 23:00"),
        ("2024-04-01", "Europe/Copenhagen", "2024-03-31 22:00"),
        ("2024-10-28", "Europe/Copenhagen", "2024-10-27 23:00"),
        # Clocks skipped midnight: the day began at one o'clock.
        ("2018-11-04", "America/Sao_Paulo", "2018-11-04 03:00"),
        # Midnight came twice: the day began with the first.
        ("2024-11-03", "America/Havana", "2024-11-03 04:00"),
    ],
)
def test_midnight_follows_the_clocks(day, zone, start):
    number = (pd.Timestamp(day) - pd.Timestamp("1970-01-01")).days
    midnight = local_midnight(number, zone)
    assert midnight == utc(start)
    assert local_day(midnight, zone) == number
    assert local_day(midnight - pd.Timedelta(1, unit="us"), zone) == number - 1


def test_a_fingerprint_tells_data_apart_and_not_where_they_lay(make_log, tmp_path: Path):
    log = make_log()
    log.write(tmp_path / "log")
    assert sorted(path.name for path in (tmp_path / "log").iterdir()) == [
        "card.yaml",
        "log.parquet",
        "observed.json",
    ]
    back = Log(
        pq.read_table(tmp_path / "log" / "log.parquet").to_pandas(),
        read_card(tmp_path / "log" / "card.yaml"),
        log.observed_until,
    )
    assert back.fingerprint() == log.fingerprint()
    assert make_log().fingerprint() == log.fingerprint()

    frame = log.frame.copy()
    frame.loc[3, "click"] = not frame.loc[3, "click"]
    lists = log.frame.copy()
    lists.at[4, "user_recent"] = [1, 2, 3, 99]
    others = [
        replace(log, frame=frame),
        replace(log, frame=lists),
        replace(log, card=replace(log.card, time_zone="UTC")),
        replace(log, observed_until=log.observed_until - pd.Timedelta(days=1)),
        log.as_of(log.observed_until - pd.Timedelta(days=1)),
    ]
    assert len({log.fingerprint(), *(other.fingerprint() for other in others)}) == 6


def test_visits_are_seen_as_of_a_moment_and_travel_with_the_log(log, tmp_path: Path):
    visits = pd.DataFrame(
        {
            "user_id": [1, 2],
            "visited_at": pd.to_datetime(["2024-01-01 05:00", "2024-01-02 05:00"], utc=True).as_unit("us"),
        }
    )
    with_visits = replace(log, visits=visits)
    seen = with_visits.as_of(utc("2024-01-02 05:00")).visits
    assert seen is not None
    assert seen["user_id"].tolist() == [1]
    assert with_visits.fingerprint() != log.fingerprint()
    with_visits.write(tmp_path / "log")
    assert_frame_equal(pd.read_parquet(tmp_path / "log" / "visits.parquet"), visits)


def test_the_fingerprint_tells_lists_apart_and_survives_a_file(log, tmp_path: Path):
    def with_lists(*lists: object) -> Log:
        cells = pd.Series([None if each is None else np.asarray(each, dtype=object) for each in lists])
        return replace(log, frame=log.frame.assign(tags=cells))

    prints = [
        with_lists(["a", "b"], ["c"], [], None).fingerprint(),
        with_lists(["a"], ["b", "c"], [], None).fingerprint(),
        with_lists(["a", "b"], ["c"], None, []).fingerprint(),
        with_lists(["a", "b"], ["d"], [], None).fingerprint(),
        with_lists(None, None, None, None).fingerprint(),
        log.fingerprint(),
    ]
    assert len(set(prints)) == len(prints)
    first = with_lists(["a", "b"], ["c"], [], None)
    first.write(tmp_path / "log")
    again = replace(first, frame=pd.read_parquet(tmp_path / "log" / "log.parquet")[list(first.frame)])
    assert again.fingerprint() == first.fingerprint()
