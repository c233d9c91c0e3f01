import numpy as np
import pytest
from scipy import stats

from holdfast.monitoring.null_replay import StableSignals, null_replay
from holdfast.monitoring.window_null import change_point, fit_window_null


def test_without_memory_it_is_the_prediction_interval_of_a_normal_sample():
    """Independent implementation: Student's t of a new value from a sample's mean and spread."""
    rng = np.random.default_rng(0)
    past, future = rng.normal(size=(40, 300)), rng.normal(size=(3, 300)) * 2
    null = fit_window_null(past, rehearsals=0)
    distance = (future - past.mean(axis=0)) / (past.std(axis=0, ddof=1) * np.sqrt(1 + 1 / 40))
    expected = 2 * stats.t.sf(np.abs(distance), 39)
    # The memory is estimated: many signals without one leave little doubt of it.
    assert null.memory_shares[0] > 0.7
    assert np.median(np.abs(np.log(null.p_values(future) / expected))) < 0.1


@pytest.mark.parametrize("memory", [0.0, 0.7])
def test_p_values_of_a_stable_future_are_uniform(memory):
    signals = StableSignals(memory=memory, season=3.0, num_signals=20)
    weekday = np.arange(56) % 7

    def replay(seed: int) -> np.ndarray:
        values = signals.draw(seed)
        null = fit_window_null(values[:28], season=weekday[:28], rehearsals=15, seed=seed)
        return null.p_values(values[28:], season=weekday[28:])

    table = null_replay(
        replay, num_replays=20, rates=(0.05, 0.2), controls=("none", "bh", "holm"), level=0.99
    )
    assert (table["low"] <= table["rate"]).all()
    assert (table["rate"] <= table["high"]).all()


def test_season_that_is_ignored_hides_what_is_found_with_it():
    rng = np.random.default_rng(1)
    weekday = np.arange(35) % 7
    values = 10.0 * (weekday == 6)[:, None] + rng.normal(size=(35, 5))
    usual_sunday_on_monday = np.full((1, 5), 10.0)
    aware = fit_window_null(values, season=weekday).p_values(usual_sunday_on_monday, season=np.array([0]))
    blind = fit_window_null(values).p_values(usual_sunday_on_monday)
    assert (aware < 1e-4).all()
    assert (blind > 0.01).all()


def test_one_sided_and_wider():
    rng = np.random.default_rng(2)
    null = fit_window_null(rng.normal(size=(20, 2)), rehearsals=0)
    both = null.p_values(np.array([[3.0, -3.0]]))
    above = null.p_values(np.array([[3.0, -3.0]]), alternative="greater")
    assert above[0, 0] == pytest.approx(both[0, 0] / 2)
    assert above[0, 1] == pytest.approx(1 - both[0, 1] / 2)
    assert (null.p_values(np.array([[3.0, -3.0]]), widening=np.full((1, 2), 9.0)) > 0.2).all()


def test_what_has_no_null_says_nothing():
    values = np.random.default_rng(0).normal(size=(10, 4))
    values[:, 1] = 0.25
    values[3:, 2] = np.nan
    null = fit_window_null(values)
    assert null.varies.tolist() == [True, False, False, True]
    found = null.p_values(np.array([[0.0, 9.0, 9.0, np.nan]]))
    assert np.isnan(found[0]).tolist() == [False, True, True, True]
    assert not fit_window_null(np.zeros((0, 2))).varies.any()


def test_an_unseen_weekday_borrows_the_spread_of_the_others():
    """Saturdays after working days alone, where Saturday's level is one more of the weekdays' kind."""
    rng = np.random.default_rng(0)
    weekday = np.arange(20) % 5
    levels = 2.0 * rng.normal(size=(6, 400))
    past = levels[weekday] + rng.normal(size=(20, 400))
    saturday = levels[5:] + rng.normal(size=(1, 400))
    null = fit_window_null(past, season=weekday, rehearsals=0)
    p_values = null.p_values(saturday, season=np.array([5]))
    assert null.has_seen(np.array([4, 5])).tolist() == [True, False]
    assert np.mean(p_values <= 0.05) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 400)
    assert np.mean(p_values <= 0.5) > 0.35
    far = null.p_values(saturday + 1000.0, season=np.array([5]))
    assert (far < 0.001).all()


def test_a_signal_known_in_too_few_windows_for_weekdays_counts_them_as_one():
    values = np.random.default_rng(1).normal(size=(21, 2))
    values[:15, 1] = np.nan
    null = fit_window_null(values, season=np.arange(21) % 7, rehearsals=0)
    assert null.varies.tolist() == [True, True]
    found = null.p_values(np.array([[0.0, 0.0], [0.0, 9.0]]), season=np.array([0, 1]))
    assert found[0, 1] > 0.3
    assert found[1, 1] < 0.01


def test_a_signal_missing_in_some_windows_uses_the_others():
    values = np.random.default_rng(0).normal(size=(30, 2))
    holes = values.copy()
    holes[5:8, 1] = np.nan
    null = fit_window_null(holes, rehearsals=0)
    assert null.num_windows.tolist() == [30, 27]
    assert np.isfinite(null.p_values(values[:2])).all()


def test_bad_arguments():
    with pytest.raises(ValueError, match="windows by signals"):
        fit_window_null(np.zeros(5))
    with pytest.raises(ValueError, match="season has shape"):
        fit_window_null(np.zeros((5, 1)), season=np.zeros(4, dtype=int))
    null = fit_window_null(np.random.default_rng(0).normal(size=(14, 1)), season=np.arange(14) % 7)
    with pytest.raises(ValueError, match="pass season"):
        null.p_values(np.zeros((1, 1)))


def test_change_point():
    assert change_point(np.array([0.1, -0.3, 0.2, 4.0, 3.5, 5.0])) == 3
    assert change_point(np.array([0.1, -0.3, 4.0])) == 2
    assert change_point(np.array([3.0, 3.0, 3.0])) == 0
    assert change_point(np.array([np.nan, 3.0])) == 1
    with pytest.raises(ValueError, match="empty"):
        change_point(np.zeros(0))
    rng = np.random.default_rng(0)
    found = [change_point(rng.normal(size=20) + 3.0 * (np.arange(20) >= 12)) for _ in range(200)]
    assert np.mean(np.abs(np.array(found) - 12) <= 1) > 0.9
