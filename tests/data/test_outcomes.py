import numpy as np
import pandas as pd
import pytest

from holdfast.data.card import DatasetCard
from holdfast.data.log import Log
from holdfast.data.outcomes import (
    SHORTEST_OPENED_SECONDS,
    follow_up_days,
    outcome_columns,
    returned_within,
    share_of_user_day,
    user_day_codes,
)


def utc(text: str | None) -> pd.Timestamp:
    return pd.Timestamp(text, tz="UTC")


def log_of(rows: list[dict], *, until: str = "2024-01-31", time_zone: str = "UTC") -> Log:
    frame = pd.DataFrame(rows)
    for name in ("shown_at", "next_visit_at"):
        if name in frame:
            frame[name] = pd.to_datetime(frame[name], utc=True).dt.as_unit("us")
    return Log(frame, DatasetCard(name="made", time_zone=time_zone), utc(until))


class TestClick:
    def test_a_click_is_a_fact_at_once(self):
        log = log_of([{"shown_at": "2024-01-01", "click": click} for click in (True, False)])
        outcome = outcome_columns(log, "click", horizon_days=7)
        assert outcome.value.tolist() == [1.0, 0.0]
        assert outcome.event.all()
        assert outcome.known.all()
        assert outcome.spread.tolist() == [1.0, 1.0]

    def test_a_null_click_is_not_a_missed_one(self):
        log = log_of([{"shown_at": "2024-01-01", "click": click} for click in (None, True)])
        outcome = outcome_columns(log, "click", horizon_days=7)
        assert outcome.known.tolist() == [False, True]
        assert outcome.value.tolist() == [0.0, 1.0]


class TestDwell:
    ROWS = (
        {"click": True, "dwell_seconds": 30.0, "content_seconds": 100.0},
        {"click": True, "dwell_seconds": 100.0, "content_seconds": 100.0},
        {"click": True, "dwell_seconds": 100.4, "content_seconds": 100.0},
        {"click": True, "dwell_seconds": 5000.0, "content_seconds": None},
        {"click": False, "dwell_seconds": None, "content_seconds": 100.0},
        {"click": True, "dwell_seconds": None, "content_seconds": 100.0},
    )

    def test_the_end_of_the_content_censors(self):
        log = log_of([{"shown_at": "2024-01-01", **row} for row in self.ROWS])
        outcome = outcome_columns(log, "dwell", horizon_days=7)
        assert outcome.value.tolist() == [30.0, 100.0, 100.0, 5000.0, 0.0, 0.0]
        assert outcome.known.tolist() == [True, True, True, True, False, False]
        assert outcome.event[:4].tolist() == [True, False, False, True]

    def test_the_moment_censors(self):
        log = log_of([{"shown_at": "2024-01-01", **row} for row in self.ROWS])
        view = log.as_of(utc("2024-01-01 00:01:00"))
        outcome = outcome_columns(view, "dwell", horizon_days=7)
        assert outcome.value.tolist() == [30.0, 60.0, 60.0, 60.0, 0.0, 0.0]
        assert outcome.event[:4].tolist() == [True, False, False, False]

    def test_over_all_rows_not_opened_is_no_time_and_opened_is_some(self):
        rows = [*self.ROWS, {"click": None, "dwell_seconds": None}, {"click": True, "dwell_seconds": 0.0}]
        log = log_of([{"shown_at": "2024-01-01", **row} for row in rows])
        outcome = outcome_columns(log, "dwell", horizon_days=7, dwell_population="all")
        expected = [30.0, 100.0, 100.0, 5000.0, 0.0, 0.0, 0.0, SHORTEST_OPENED_SECONDS]
        assert outcome.value.tolist() == pytest.approx(expected)
        assert outcome.known.tolist() == [True, True, True, True, True, False, False, True]
        assert outcome.event[outcome.known].tolist() == [True, False, False, True, True, True]
        at_once = log.as_of(utc("2024-01-01 00:00:00.000001"))
        cut = outcome_columns(at_once, "dwell", horizon_days=7, dwell_population="all")
        assert (cut.value[:4] > 0.0).all()
        assert not cut.event[:4].any()

    def test_content_may_be_of_no_known_length(self):
        rows = [{"shown_at": "2024-01-01", "click": True, "dwell_seconds": 3.0}]
        outcome = outcome_columns(log_of(rows), "dwell", horizon_days=7)
        assert outcome.event.tolist() == [True]


def visit(user: str, shown_at: str, back: str | None) -> dict:
    return {"user_id": user, "shown_at": shown_at, "next_visit_at": back}


class TestRetention:
    def test_gaps_and_censoring_by_hand(self):
        log = log_of(
            [
                visit("a", "2024-01-01 09:00", "2024-01-02 23:00"),  # back after 1 day
                visit("b", "2024-01-01 23:00", "2024-01-04 01:00"),  # after 3
                visit("c", "2024-01-02 12:00", None),  # not seen again
                visit("d", "2024-01-05 12:00", None),  # nor this one, for a shorter time
            ],
            until="2024-01-09",
        )
        outcome = outcome_columns(log, "retention", horizon_days=4)
        assert outcome.value.tolist() == [1.0, 3.0, 4.0, 3.0]
        assert outcome.event.tolist() == [True, True, False, False]
        assert outcome.known.all()

    def test_a_later_return_than_the_horizon_is_no_event(self):
        log = log_of([visit("a", "2024-01-01", "2024-01-08")])
        outcome = outcome_columns(log, "retention", horizon_days=6)
        assert (outcome.value.tolist(), outcome.event.tolist()) == ([6.0], [False])
        outcome = outcome_columns(log, "retention", horizon_days=7)
        assert (outcome.value.tolist(), outcome.event.tolist()) == ([7.0], [True])

    def test_the_day_on_which_the_view_ends_does_not_count(self):
        log = log_of(
            [visit("a", "2024-01-01 09:00", "2024-01-02 08:00"), visit("b", "2024-01-01 09:00", None)]
        )
        # A return on the morning of the second could be seen, an absence could not: neither is asked for.
        part = outcome_columns(log.as_of(utc("2024-01-02 20:00")), "retention", horizon_days=4)
        assert part.known.tolist() == [False, False]
        whole = outcome_columns(log.as_of(utc("2024-01-03")), "retention", horizon_days=4)
        assert whole.known.tolist() == [True, True]
        assert whole.value.tolist() == [1.0, 1.0]
        assert whole.event.tolist() == [True, False]

    def test_returns_are_counted_in_local_days(self):
        rows = [visit("a", "2024-03-30 22:30", "2024-03-31 21:30")]  # 23:30 and 23:30, clocks went on
        for zone, gap in (("UTC", 1), ("Europe/Copenhagen", 1), ("Asia/Tokyo", 1), ("America/New_York", 1)):
            log = log_of(rows, until="2024-04-30", time_zone=zone)
            assert outcome_columns(log, "retention", horizon_days=4).value.tolist() == [gap]
        rows = [visit("a", "2024-03-30 22:30", "2024-03-31 22:30")]  # 23:30, and 00:30 two days later
        log = log_of(rows, until="2024-04-30", time_zone="Europe/Copenhagen")
        assert outcome_columns(log, "retention", horizon_days=4).value.tolist() == [2.0]

    def test_the_rows_of_a_users_day_share_one_fact(self):
        log = log_of(
            [
                visit("a", "2024-01-01 09:00", None),
                visit("b", "2024-01-01 10:00", None),
                visit("a", "2024-01-01 23:00", None),
                visit("a", "2024-01-02 01:00", None),
            ]
        )
        outcome = outcome_columns(log, "retention", horizon_days=4)
        assert outcome.spread.tolist() == [0.5, 1.0, 0.5, 1.0]

    @pytest.mark.parametrize("horizon", [0, -3])
    def test_a_horizon_is_at_least_a_day(self, horizon):
        with pytest.raises(ValueError, match="horizon_days is"):
            outcome_columns(log_of([visit("a", "2024-01-01", None)]), "retention", horizon_days=horizon)

    def test_labels_never_change_once_they_are_an_event_or_have_matured(self, make_log):
        log = make_log(3)
        horizon, start = 4, log.frame["shown_at"].iloc[0].normalize()
        final = outcome_columns(log, "retention", horizon_days=horizon)
        for days in range(2, 18):
            view = log.as_of(start + pd.Timedelta(days=days, hours=5))
            outcome = outcome_columns(view, "retention", horizon_days=horizon)
            settled = outcome.event | (follow_up_days(view, horizon_days=horizon) >= horizon)
            n = len(view)
            np.testing.assert_array_equal(outcome.value[settled], final.value[:n][settled])
            np.testing.assert_array_equal(outcome.event[settled], final.event[:n][settled])


def test_a_return_within_days_is_asked_only_when_it_has_matured():
    value = np.array([1.0, 3.0, 2.0, 7.0])
    event = np.array([True, True, False, False])
    label, matured = returned_within(value, event, np.array([2, 7, 2, 7]), days=3)
    assert label.tolist() == [1.0, 1.0, 0.0, 0.0]
    # The first came back already, but whoever did not is not known yet: it would bias the share upwards.
    assert matured.tolist() == [False, True, False, True]
    label, _ = returned_within(value, event, np.array([7, 7, 7, 7]), days=1)
    assert label.tolist() == [1.0, 0.0, 0.0, 0.0]


def test_codes_of_user_days_tell_users_and_days_apart():
    user = pd.Series(["a", "a", "b", "a", "b", "c"])
    day = np.array([-5, -5, -5, 10, 10, -5])
    codes = user_day_codes(user, day)
    assert len(set(codes)) == 5
    assert codes[0] == codes[1]
    np.testing.assert_allclose(share_of_user_day(user, day), [0.5, 0.5, 1, 1, 1, 1])


def test_no_rows_have_no_outcomes(make_log):
    log = make_log()
    empty = log.between(log.observed_until, log.observed_until)
    for objective in log.card.outcomes:
        assert outcome_columns(empty, objective, horizon_days=7).value.shape == (0,)
