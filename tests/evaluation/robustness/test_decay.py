"""Decay by day: lines and half-lives with known answers."""

from __future__ import annotations

import numpy as np
import pytest

from holdfast.evaluation.robustness.decay import decay_line, half_life, last_days_mean


def test_a_line_by_hand_and_against_polyfit() -> None:
    line = decay_line([1, 2, 3], [9.0, 8.0, 7.0])
    assert (line.mean_day, float(line.mean), float(line.slope)) == pytest.approx((2.0, 8.0, -1.0))
    days, values, weight = np.arange(5.0), np.array([3.0, 1.0, 4.0, 1.0, 5.0]), np.array([1.0, 2, 3, 4, 5])
    slope, intercept = np.polyfit(days, values, 1, w=np.sqrt(weight))
    found = decay_line(days, values, weight=weight)
    assert (float(found.slope), float(found.at(0.0))) == (pytest.approx(slope), pytest.approx(intercept))


def test_half_life_by_hand_counts_from_the_end_of_training() -> None:
    # 10 on day 3, one less a day: 13 at the end of training, half of it is gone on day 6.5; 7 were seen.
    found = half_life([3, 4, 5, 6, 7], [10.0, 9.0, 8.0, 7.0, 6.0])
    assert found is not None
    assert (found.days, found.start, found.first_day, found.last_day, found.reached) == (
        pytest.approx(6.5),
        pytest.approx(13.0),
        3.0,
        7.0,
        True,
    )
    assert "reached by day 7 after training" in found.note
    far = half_life([3, 4, 5], [10.0, 9.0, 8.0])
    assert far is not None
    assert (far.days, far.reached) == (pytest.approx(6.5), False)
    assert "not reached until day 5 after training" in far.note


def test_a_half_life_is_the_same_whichever_days_of_the_line_were_seen() -> None:
    lives = [half_life(days, [20.0 - 0.5 * day for day in days]) for days in ([1, 2], [4, 5, 6], [9, 12])]
    assert [each.days for each in lives if each is not None] == pytest.approx([20.0] * 3)


def test_a_day_without_rows_was_not_seen() -> None:
    found = half_life([1, 2, 9], [10.0, 9.0, 0.0], weight=[5.0, 5.0, 0.0])
    assert found is not None
    assert (found.last_day, found.days) == (2.0, pytest.approx(5.5))
    assert half_life([1, 2], [10.0, 9.0], weight=[5.0, 0.0]) is None


def test_the_last_third_of_the_days_by_hand() -> None:
    # Of 7 days three are the last; the fifth has no rows, so 6 were seen and two of them count: 3 and 9 rows.
    values, weight = [8.0, 8.0, 8.0, 8.0, 99.0, 4.0, 2.0], [1.0, 1.0, 1.0, 1.0, 0.0, 3.0, 9.0]
    assert float(last_days_mean(range(7), values, weight=weight)) == pytest.approx((3 * 4 + 9 * 2) / 12)
    assert float(last_days_mean(range(7), values)) == pytest.approx((99.0 + 4.0 + 2.0) / 3)
    assert float(last_days_mean([5, 4], [1.0, 7.0])) == 1.0, "by the day, not by the order"
    assert last_days_mean([1, 2], [[0.0, 0.0], [3.0, 5.0]]).tolist() == [3.0, 5.0]
    with pytest.raises(ValueError, match="no day has weight"):
        last_days_mean([1], [1.0], weight=[0.0])


def test_what_does_not_fall_has_no_half_life_and_says_so() -> None:
    found = half_life([0, 1, 2], [5.0, 5.0, 6.0])
    assert found is not None
    assert (found.days, found.reached) == (None, False)
    assert "no fall" in found.note
    assert half_life([0, 1], [-1.0, -2.0]) is None  # worthless from the start
    # It rises, and drawn back to the end of training it is below 0: no fall is not no worth.
    rising = half_life([4, 5, 6], [1.0, 2.0, 3.0])
    assert rising is not None
    assert "no fall" in rising.note
    assert half_life([4], [3.0]) is None
    assert half_life([], []) is None
    assert half_life([], np.zeros((0, 3))) is None


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
