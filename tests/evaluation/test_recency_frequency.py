from __future__ import annotations

import numpy as np
import pytest

from holdfast.evaluation.recency_frequency import RecencyFrequencyBaseline


def test_hazard_by_hand_with_censoring() -> None:
    # One cell. Back on day 1, 2 and 2; censored after 1 and after 3 days; one row is not known.
    value = np.array([1, 2, 2, 1, 3, np.nan])
    event = np.array([True, True, True, False, False, False])
    fitted = RecencyFrequencyBaseline.fit(
        np.ones(6), np.full(6, 2.0), value, event, np.isfinite(value), horizon_days=4, pseudo_count=0.0
    )
    # At risk: 5, 3, 1, 0. Nobody is at risk on day 4, which takes the hazard of day 3.
    assert fitted.hazard[1, 2] == pytest.approx([1 / 5, 2 / 3, 0.0, 0.0])
    assert fitted.return_probability([1.0], [2.0], 2) == pytest.approx([1 - 4 / 5 * 1 / 3])


def test_empty_cells_take_the_pooled_hazard_and_others_are_drawn_to_it() -> None:
    recency = np.array([np.nan] * 10 + [2.0] * 10)
    frequency = np.array([0.0] * 10 + [1.0] * 10)
    value, event = np.ones(20), np.array([True] * 2 + [False] * 8 + [True] * 8 + [False] * 2)
    known = np.ones(20, dtype=bool)
    fitted = RecencyFrequencyBaseline.fit(
        recency, frequency, value, event, known, horizon_days=1, pseudo_count=10.0
    )
    found = fitted.return_probability([np.nan, 2.0, 9.0], [0, 1, 0], 1)
    assert found == pytest.approx([(2 + 5) / 20, (8 + 5) / 20, 0.5])


def test_recency_bins() -> None:
    days = np.array([np.nan, 1, 2, 3, 4, 5, 7, 8, 40])
    expected = [0, 1, 2, 3, 3, 4, 4, 5, 5]
    hazard = np.arange(6.0)[:, None, None] / 10 * np.ones((6, 8, 1))
    fitted = RecencyFrequencyBaseline(hazard)
    found = fitted.return_probability(days, np.zeros(9), 1)
    assert found == pytest.approx(np.array(expected) / 10)


def test_agrees_with_a_loop_over_rows() -> None:
    rng = np.random.default_rng(0)
    size, horizon, pseudo = 400, 5, 3.0
    recency = rng.choice([np.nan, 1, 2, 4, 9], size=size)
    frequency = rng.integers(0, 8, size=size)
    value, event = rng.integers(1, 9, size=size).astype(float), rng.random(size) < 0.6
    known, weight = rng.random(size) < 0.9, rng.random(size)
    fitted = RecencyFrequencyBaseline.fit(
        recency, frequency, value, event, known, horizon_days=horizon, pseudo_count=pseudo, weight=weight
    )
    at_risk, events = np.zeros((6, 8, horizon)), np.zeros((6, 8, horizon))
    bins = {1.0: 1, 2.0: 2, 4.0: 3, 9.0: 5}
    for row in np.flatnonzero(known):
        cell = bins.get(recency[row], 0), frequency[row]
        for day in range(1, horizon + 1):
            if value[row] >= day:
                at_risk[*cell, day - 1] += weight[row]
                events[*cell, day - 1] += weight[row] * (event[row] and value[row] == day)
    pooled = events.sum((0, 1)) / at_risk.sum((0, 1))
    assert fitted.hazard == pytest.approx((events + pseudo * pooled) / (at_risk + pseudo), abs=1e-12)
    survival = np.cumprod(1 - fitted.hazard[2, 3])
    assert fitted.return_probability_by_day([2.0], [3])[0] == pytest.approx(1 - survival)


def test_bad_input_is_refused() -> None:
    one, yes = np.ones(1), np.array([True])
    with pytest.raises(ValueError, match="no user-day has a known return"):
        RecencyFrequencyBaseline.fit(one, one, one, yes, ~yes, horizon_days=3)
    with pytest.raises(ValueError, match="recency holds 1 values below one day"):
        RecencyFrequencyBaseline.fit(one * 0, one, one, yes, yes, horizon_days=3)
    with pytest.raises(ValueError, match="0 to 7"):
        RecencyFrequencyBaseline.fit(one, one * 8, one, yes, yes, horizon_days=3)
    with pytest.raises(ValueError, match="horizon_days is 0"):
        RecencyFrequencyBaseline.fit(one, one, one, yes, yes, horizon_days=0)
    fitted = RecencyFrequencyBaseline.fit(one, one, one, yes, yes, horizon_days=3)
    with pytest.raises(ValueError, match="days is 4"):
        fitted.return_probability(one, one, 4)
