"""Trailing history against a slow, plain reference: for each row, a loop over the rows before it."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from holdfast.data.card import DatasetCard
from holdfast.data.history import FREQUENCY, RECENCY, TrailingHistory
from holdfast.data.log import Log, local_day, local_midnight

DAY = pd.Timedelta(days=1)


def log_of(rows: list[tuple], *, time_zone: str = "UTC") -> Log:
    frame = pd.DataFrame(
        rows, columns=["request_id", "user_id", "item_id", "shown_at", "click", "dwell_seconds"]
    )
    frame["shown_at"] = pd.to_datetime(frame["shown_at"], utc=True, format="ISO8601").dt.as_unit("us")
    card = DatasetCard(name="made", time_zone=time_zone)
    return Log(frame, card, frame["shown_at"].max() + 30 * DAY)


def reference(log: Log, history: TrailingHistory) -> pd.DataFrame:
    rows = log.frame.to_dict("records")
    lag = pd.Timedelta(seconds=history.lag_seconds)
    zone = log.card.time_zone
    result = []
    for row in rows:
        start = min(other["shown_at"] for other in rows if other["request_id"] == row["request_id"])
        today = local_day(row["shown_at"], zone)
        if history.refresh == "nightly":
            today = local_day(start, zone)
            start = local_midnight(today, zone)
        known = [other for other in rows if other["shown_at"] < start - lag]
        values: dict[str, float] = {}
        prior = np.mean([other["click"] for other in known]) if known else None
        for owner in ("user", "item"):
            own = [other for other in known if other[f"{owner}_id"] == row[f"{owner}_id"]]
            for days in history.window_days:
                since = start - lag - days * DAY
                recent = [other for other in own if other["shown_at"] >= since]
                clicks = sum(other["click"] for other in recent)
                read = [
                    round(other["dwell_seconds"] * 1000)
                    for other in own
                    if other["click"]
                    and not np.isnan(other["dwell_seconds"])
                    and not other.get("dwell_cut", False)
                    and since
                    <= other["shown_at"] + pd.Timedelta(seconds=other["dwell_seconds"])
                    < start - lag
                ]
                smoothing = 0.0 if prior is None else history.smoothing
                weight = len(recent) + smoothing
                rate = (clicks + smoothing * (prior or 0.0)) / weight if weight else np.nan
                values[f"{owner}_impressions_{days}d"] = len(recent)
                values[f"{owner}_clicks_{days}d"] = clicks
                values[f"{owner}_click_rate_{days}d"] = rate
                values[f"{owner}_dwell_mean_{days}d"] = sum(read) / len(read) / 1000 if read else np.nan
        active = {
            local_day(other["shown_at"], zone) for other in known if other["user_id"] == row["user_id"]
        } - {today}
        values[FREQUENCY] = len([day for day in active if today - 7 <= day])
        values[RECENCY] = today - max(active) if active else np.nan
        result.append(values)
    return pd.DataFrame(result)


@pytest.mark.parametrize(
    ("seed", "history"),
    [
        (0, TrailingHistory()),
        (1, TrailingHistory(window_days=[1, 3, 30], smoothing=0.0)),
        (2, TrailingHistory(lag_seconds=26 * 3600.0)),
        (3, TrailingHistory(refresh="nightly")),
        (4, TrailingHistory(refresh="nightly", lag_seconds=5 * 3600.0, window_days=[1, 5])),
    ],
)
def test_it_agrees_with_the_reference(make_log, seed, history):
    log = make_log(seed, num_users=8, num_days=12, num_items=6)
    # Slots of a request a minute apart, as when a feed is scrolled, and a few rows at the very same moment;
    # the last requests of some days go on past midnight.
    frame = log.frame.copy()
    late = frame["request_id"] % 5 == 0
    day_ends = frame["shown_at"].dt.tz_convert(log.card.time_zone).dt.normalize() + pd.DateOffset(days=1)
    frame.loc[late, "shown_at"] = (day_ends - pd.Timedelta(seconds=90)).dt.tz_convert("UTC")[late]
    frame["shown_at"] += pd.to_timedelta(frame["slot"] * 60, unit="s").dt.as_unit("us")
    frame.loc[30:35, "shown_at"] = frame.loc[30, "shown_at"]
    frame = frame.sort_values("shown_at", kind="stable").reset_index(drop=True)
    view = Log(frame, log.card, log.observed_until).as_of(log.observed_until - DAY)
    computed, wanted = history.compute(view), reference(view, history)
    assert_frame_equal(
        computed[wanted.columns], wanted, check_dtype=False, check_exact=False, rtol=1e-12, atol=0
    )
    assert set(computed.columns) == {feature.name for feature in history.features()}
    assert computed["item_clicks_1d"].sum() > 10


def test_counts_by_hand():
    log = log_of(
        [
            ("r1", "a", "x", "2024-01-01 10:00", True, 30.0),
            ("r1", "a", "y", "2024-01-01 10:00", False, np.nan),
            ("r2", "b", "x", "2024-01-01 12:00", False, np.nan),
            ("r3", "a", "x", "2024-01-02 10:00", True, 60.0),
            ("r4", "a", "y", "2024-01-02 10:01", False, np.nan),
            ("r5", "a", "x", "2024-01-02 10:01:00.000001", False, np.nan),
        ]
    )
    columns = TrailingHistory(window_days=[1], smoothing=2.0).compute(log)
    assert columns["user_impressions_1d"].tolist() == [0, 0, 0, 2, 1, 2]
    assert columns["user_clicks_1d"].tolist() == [0, 0, 0, 1, 1, 1]
    assert columns["item_impressions_1d"].tolist() == [0, 0, 1, 2, 0, 2]
    assert columns["item_clicks_1d"].tolist() == [0, 0, 1, 1, 0, 1]
    # The dwell of r3 ends at 10:01: at that moment it is not yet known, a microsecond later it is.
    # That of r1 ended at 10:00:30 and has left the window of r4 by then.
    np.testing.assert_array_equal(columns["user_dwell_mean_1d"], [np.nan] * 3 + [30.0, np.nan, 60.0])
    # Overall click rate before r3: one of three. Then (1 + 2 / 3) / (2 + 2).
    assert columns["user_click_rate_1d"][3] == pytest.approx((1 + 2 / 3) / 4)
    assert columns["user_click_rate_1d"][:2].isna().all()


def test_recency_and_frequency_by_hand():
    days = ["01-01", "01-01", "01-02", "01-05", "01-09", "01-25"]
    rows = [(i, "a", i, f"2024-{day} {10 + i:02d}:00", False, np.nan) for i, day in enumerate(days)]
    columns = TrailingHistory().compute(log_of(rows))
    assert columns[FREQUENCY].tolist() == [0, 0, 1, 2, 2, 0]
    np.testing.assert_array_equal(columns[RECENCY], [np.nan, np.nan, 1, 3, 4, 16])


def test_days_are_those_of_the_cards_time_zone():
    rows = [
        (0, "a", 0, "2024-03-30 22:30", False, np.nan),
        (1, "a", 0, "2024-03-30 23:30", False, np.nan),
    ]
    recency = [
        TrailingHistory().compute(log_of(rows, time_zone=zone))[RECENCY][1]
        for zone in ("UTC", "Europe/Copenhagen")
    ]
    np.testing.assert_array_equal(recency, [np.nan, 1.0])


def test_a_lag_hides_what_has_not_arrived():
    rows = [
        (0, "a", "x", "2024-01-01 23:59", True, 1.0),
        (1, "a", "x", "2024-01-02 00:59", True, 1.0),
        (2, "a", "x", "2024-01-02 00:59:30", True, 1.0),
    ]
    columns = TrailingHistory(window_days=[1], lag_seconds=3600.0).compute(log_of(rows))
    # An hour later to the microsecond is still too early.
    assert columns["user_impressions_1d"].tolist() == [0, 0, 1]
    assert columns[FREQUENCY].tolist() == [0, 0, 1]


def test_nightly_is_as_of_the_midnight_of_the_cards_time_zone():
    # 22:00 UTC is midnight in Copenhagen since the clocks changed on March 31, before that it is 23:00.
    rows = [
        (0, "a", "x", "2024-03-30 22:59:59", True, 1.0),  # ends at midnight
        (1, "a", "x", "2024-03-30 23:00", True, 60.0),
        (2, "a", "x", "2024-03-31 21:59:59", True, 0.5),
        (3, "a", "x", "2024-03-31 22:00", False, np.nan),
        (4, "b", "y", "2024-03-31 22:30", False, np.nan),
    ]
    columns = TrailingHistory(refresh="nightly", window_days=[1, 2]).compute(
        log_of(rows, time_zone="Europe/Copenhagen")
    )
    assert columns["user_impressions_2d"].tolist() == [0, 1, 1, 3, 0]
    # That Sunday had 23 hours, so that a window of 24 reaches back to 23:00 local time on Saturday.
    assert columns["user_impressions_1d"].tolist() == [0, 1, 1, 3, 0]
    # A dwell that ends at midnight is not known at midnight.
    np.testing.assert_allclose(columns["user_dwell_mean_2d"], [np.nan, np.nan, np.nan, 61.5 / 3, np.nan])
    assert columns[FREQUENCY].tolist() == [0, 1, 1, 2, 0]
    assert columns["item_impressions_2d"].tolist() == [0, 1, 1, 3, 0]


def test_a_request_that_goes_on_past_midnight_stays_on_its_day():
    rows = [
        (0, "a", "x", "2024-01-01 12:00", True, 1.0),
        (1, "a", "x", "2024-01-01 23:59", True, 1.0),
        (1, "a", "y", "2024-01-02 00:01", True, 1.0),
        (2, "a", "y", "2024-01-02 00:02", True, 1.0),
    ]
    columns = TrailingHistory(refresh="nightly").compute(log_of(rows))
    assert columns["user_impressions_1d"].tolist() == [0, 0, 0, 2]
    np.testing.assert_array_equal(columns[RECENCY], [np.nan, np.nan, np.nan, 1.0])


@pytest.mark.parametrize("refresh", ["at_once", "nightly"])
@pytest.mark.parametrize("seed", range(3))
def test_a_row_does_not_depend_on_when_the_log_is_looked_at(make_log, seed, refresh):
    log = make_log(seed)
    history = TrailingHistory(refresh=refresh)
    whole = history.compute(log)
    start = log.frame["shown_at"].iloc[0]
    for days in (0.5, 3.3, 9.1, 15.0):
        view = log.as_of(start + days * DAY)
        assert_frame_equal(history.compute(view), whole[: len(view)], check_exact=True)


def test_a_row_never_sees_itself_or_its_request(make_log):
    log = make_log()
    history = TrailingHistory()
    before = history.compute(log)
    for request in log.frame["request_id"].drop_duplicates().sample(10, random_state=0):
        frame = log.frame.copy()
        own = frame["request_id"] == request
        frame.loc[own, "click"] = ~frame.loc[own, "click"]
        frame.loc[own, "dwell_seconds"] = 0.001
        after = history.compute(Log(frame, log.card, log.observed_until))
        assert_frame_equal(before[own], after[own], check_exact=True)
        assert not before.equals(after)


def test_null_clicks_are_impressions_that_count_in_no_rate():
    log = log_of(
        [
            (0, "a", "x", "2024-01-01 10:00", True, np.nan),
            (1, "a", "x", "2024-01-01 11:00", None, np.nan),
            (2, "a", "x", "2024-01-01 12:00", False, np.nan),
        ]
    )
    columns = TrailingHistory(window_days=[1], smoothing=0.0).compute(log)
    assert columns["user_impressions_1d"].tolist() == [0, 1, 2]
    assert columns["user_click_rate_1d"].tolist()[1:] == [1.0, 1.0]


def test_columns_follow_what_the_log_has(make_log):
    log = make_log()
    no_users = Log(log.frame.drop(columns="user_id"), log.card, log.observed_until)
    columns = TrailingHistory().compute(no_users).columns
    assert len(columns) > 0
    assert not any(column.startswith("user_") for column in columns)
    no_dwell = Log(log.frame.drop(columns="dwell_seconds"), log.card, log.observed_until)
    columns = TrailingHistory().compute(no_dwell).columns
    assert RECENCY in columns
    assert not any("dwell" in column for column in columns)
    assert list(TrailingHistory(window_days=[]).compute(log)) == [FREQUENCY, RECENCY]


def test_an_empty_log_has_an_empty_history(make_log):
    log = make_log()
    empty = TrailingHistory().compute(log.as_of(log.frame["shown_at"].iloc[0]))
    assert empty.shape == (0, len(TrailingHistory().features()))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("window_days", [0]),
        ("window_days", [7, 7]),
        ("lag_seconds", -1.0),
        ("lag_seconds", float("nan")),
        ("smoothing", -0.1),
        ("refresh", "hourly"),
    ],
)
def test_a_value_out_of_range_is_named(name, value):
    with pytest.raises(ValueError, match=f"history.{name} is"):
        TrailingHistory(**{name: value})


def test_visits_without_rows_count_as_activity_and_as_nothing_else(make_log):
    log = make_log(seed=3, num_users=12, num_days=12)
    whole = TrailingHistory().compute(log)
    kept = (np.arange(len(log)) % 5 == 0) | (np.arange(len(log)) == 0)
    part = replace(
        log,
        frame=log.frame[kept].reset_index(drop=True),
        visits=log.frame[["user_id", "shown_at"]].rename(columns={"shown_at": "visited_at"}),
    )
    of_part = TrailingHistory().compute(part)
    for name in (FREQUENCY, RECENCY):
        expected = whole.loc[kept, name].to_numpy()
        np.testing.assert_array_equal(of_part[name].to_numpy(), expected)
    blind = TrailingHistory().compute(replace(part, visits=None))
    assert (blind[FREQUENCY] < of_part[FREQUENCY]).any(), (
        "the rows alone must know less, or this proves nothing"
    )
    assert (blind["user_impressions_7d"] == of_part["user_impressions_7d"]).all()


def test_a_later_visit_tells_an_earlier_row_nothing(make_log):
    log = make_log(seed=4, num_users=8, num_days=8)
    moment = log.frame["shown_at"].iloc[len(log) // 2]
    visits = log.frame[["user_id", "shown_at"]].rename(columns={"shown_at": "visited_at"})
    with_all = TrailingHistory().compute(replace(log, visits=visits).as_of(moment))
    late = visits["visited_at"] >= moment
    changed = visits.assign(user_id=np.where(late, visits["user_id"].iloc[0], visits["user_id"]))
    with_changed = TrailingHistory().compute(replace(log, visits=changed).as_of(moment))
    pd.testing.assert_frame_equal(with_all, with_changed)
