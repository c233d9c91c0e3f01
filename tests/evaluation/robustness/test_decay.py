"""Decay by day: lines and half-lives with known answers."""

from __future__ import annotations

import numpy as np
import pytest

from holdfast.evaluation.robustness.decay import decay_line, half_life


def test_a_line_by_hand_and_against_polyfit() -> None:
    line = decay_line([1, 2, 3], [9.0, 8.0, 7.0])
    assert (line.mean_day, float(line.mean), float(line.slope)) == pytest.approx((2.0, 8.0, -1.0))
    assert float(line.fall_to_last_day) == pytest.approx(1.0)
    days, values, weight = np.arange(5.0), np.array([3.0, 1.0, 4.0, 1.0, 5.0]), np.array([1.0, 2, 3, 4, 5])
    slope, intercept = np.polyfit(days, values, 1, w=np.sqrt(weight))
    found = decay_line(days, values, weight=weight)
    assert (float(found.slope), float(found.at(0.0))) == (pytest.approx(slope), pytest.approx(intercept))


def test_half_life_by_hand() -> None:
    # 10 on day 3, one less a day: half of it is gone five days later, and four were seen.
    found = half_life([3, 4, 5, 6, 7], [10.0, 9.0, 8.0, 7.0, 6.0])
    assert found is not None
    assert (found.days, found.start, found.seen_days, found.reached) == (
        pytest.approx(5.0),
        pytest.approx(10.0),
        4.0,
        False,
    )
    assert "not reached in the 5 days seen" in found.note
    gone = half_life([0, 1, 2], [10.0, 6.0, 2.0])
    assert gone is not None
    assert gone.reached
    assert gone.days == pytest.approx(1.25)


def test_what_does_not_fall_has_no_half_life_and_says_so() -> None:
    found = half_life([0, 1, 2], [5.0, 5.0, 6.0])
    assert found is not None
    assert (found.days, found.reached) == (None, False)
    assert "no fall" in found.note
    assert half_life([0, 1], [-1.0, -2.0]) is None  # worthless from the start
    assert half_life([4], [3.0]) is None


def test_the_interval_is_open_where_resamples_do_not_fall() -> None:
    falling = np.linspace(10.0, 8.0, 3)[:, None] + np.zeros((3, 41))
    closed = half_life([0, 1, 2], falling)
    assert closed is not None
    assert (closed.low, closed.high) == (pytest.approx(5.0), pytest.approx(5.0))
    falling[:, 1:21] = 10.0
    opened = half_life([0, 1, 2], falling)
    assert opened is not None
    assert opened.high is None
    assert "open" in opened.note


def test_a_line_needs_two_days() -> None:
    with pytest.raises(ValueError, match="two different ones"):
        decay_line([1, 1], [1.0, 2.0])
    with pytest.raises(ValueError, match="two different ones"):
        decay_line([1, 2], [1.0, 2.0], weight=[1.0, 0.0])
