from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from holdfast.data.known_events import (
    ended_dwell,
    judged_and_clicked,
    mean_dwell_seconds,
    microseconds,
    moments_of,
    nightly_cutoff,
    request_start,
    smoothed_rate,
)

ZONES = {
    # 2024-03-10 has no midnight in Havana: the clocks go from 0:00 to 1:00. 2024-11-03 has two.
    "America/Havana": ["2024-03-10 05:00", "2024-11-03 04:00", "2024-11-04 05:00"],
    "Europe/Copenhagen": ["2024-03-09 23:00", "2024-11-02 23:00", "2024-11-03 23:00"],
}


@pytest.mark.parametrize("zone", ZONES)
def test_midnights(zone: str):
    dates = np.array(["2024-03-10", "2024-11-03", "2024-11-04"], dtype="datetime64[D]").astype(np.int64)
    found = moments_of(nightly_cutoff(dates[[2, 0, 1, 1]], zone))
    expected = pd.to_datetime(pd.Series(ZONES[zone])[[2, 0, 1, 1]], utc=True)
    assert list(found) == list(expected)
    assert nightly_cutoff(dates[:0], zone).shape == (0,)


def test_moments_and_back():
    micros = np.array([0, 1, 1_700_000_000_123_456])
    np.testing.assert_array_equal(microseconds(moments_of(micros)), micros)


def test_a_request_starts_with_its_first_row():
    frame = pd.DataFrame({"request_id": ["b", "a", "b", None]})
    assert request_start(frame, np.array([5, 7, 3, 9])).tolist() == [3, 7, 3, 9]
    assert request_start(frame[[]], np.array([5, 7, 3, 9])).tolist() == [5, 7, 3, 9]


def test_dwell_ends_where_it_was_opened_measured_and_not_cut():
    frame = pd.DataFrame(
        {"dwell_seconds": [1.0, 0.0000001, np.nan, 2.0, 3.0, -1.0], "dwell_cut": [False] * 4 + [True, False]}
    )
    clicked = np.array([True, True, True, False, True, True])
    ended, end, milliseconds = ended_dwell(frame, np.full(6, 10), clicked)
    assert ended.tolist() == [True, True, False, False, False, True]
    assert end.tolist() == [1_000_010, 11, 10]
    assert milliseconds.tolist() == [1000, 0, 0]


def test_a_click_that_is_not_known_is_no_judgement():
    frame = pd.DataFrame({"click": pd.Series([True, None, False], dtype=object)})
    judged, clicked = judged_and_clicked(frame)
    assert (judged.tolist(), clicked.tolist()) == ([True, False, True], [True, False, False])


def test_rates_and_means_of_nothing_are_not_numbers():
    rate = smoothed_rate(
        np.array([1, 0, 0]), np.array([2, 0, 0]), prior=np.array([0.25, 0.25, np.nan]), smoothing=2.0
    )
    np.testing.assert_array_equal(rate, [1.5 / 4, 0.25, np.nan])
    np.testing.assert_array_equal(mean_dwell_seconds(np.array([3000, 0]), np.array([2, 0])), [1.5, np.nan])
