import numpy as np
import pytest

from holdfast.monitoring.alarms import raise_alarms
from holdfast.monitoring.calibration_interval import share_ratio
from holdfast.monitoring.late_labels import (
    fit_completion,
    late_label_findings,
    late_label_history,
    late_label_table,
    late_labels,
    num_days_unknown,
)
from holdfast.monitoring.window_calibration import fit_finding_null


def stable_world(seed, num_days=40, rows=300):
    """Days, delays with a constant hazard of .2 a day, and the right predictions of 'within 7 days'."""
    rng = np.random.default_rng(seed)
    day = np.repeat(np.arange(num_days), rows)
    hazard = rng.choice([0.05, 0.2, 0.4], size=day.size)
    delay = rng.geometric(hazard).astype(float)
    return day, delay, 1 - (1 - hazard) ** 7


def test_only_what_is_known_counts():
    day = np.array([0, 0, 5, 5, 9])
    found = late_labels(day, [3, np.nan, 2, 8, 1], as_of_day=10, horizon_days=7)
    assert found.age.tolist() == [7, 7, 4, 4, 0]
    assert found.matured.tolist() == [True, True, False, False, False]
    # The last comes on the day that has not been seen, and the one before it a week later still.
    assert found.positive_so_far.tolist() == [True, False, True, False, False]
    assert num_days_unknown(found) == 2


def test_completion_is_the_delays_distribution():
    day, delay, _ = stable_world(0, rows=2000)
    found = fit_completion(late_labels(day, delay, as_of_day=40, horizon_days=7))
    hazards = np.array([0.05, 0.2, 0.4])
    reached = np.array([np.mean(1 - (1 - hazards) ** a) for a in range(8)])
    assert found.share == pytest.approx(reached / reached[-1], abs=0.01)
    assert found.positive_rate == pytest.approx(reached[-1], abs=0.01)
    assert (found.share[0], found.share[-1]) == (0.0, 1.0)


def test_a_stable_world_read_on_each_day_is_calm_and_the_naive_reading_is_not():
    day, delay, predicted = stable_world(1, num_days=60)
    past = day < 30
    reference = late_labels(day[past], delay[past], as_of_day=37, horizon_days=7)
    completion = fit_completion(reference)
    alarms, naive_alarms, watched = 0, 0, range(45, 60)
    for as_of in watched:
        recent = (day >= as_of - 10) & (day < as_of)
        labels = late_labels(day[recent], delay[recent], as_of_day=as_of, horizon_days=7)
        users = np.arange(recent.sum())
        table = late_label_table(labels, predicted[recent], users=users, completion=completion)
        alarms += bool(raise_alarms(late_label_findings(table, head="return"), rate=0.01, control="holm"))
        naive = share_ratio(predicted[recent], labels.positive_so_far, users=users)
        naive_alarms += naive.p_value < 0.01
    assert naive_alarms == len(watched)
    # Each reading looks at 10 days, each with a chance of 1 in 100: 15 readings, 1.5 expected at most.
    assert alarms <= 4


def test_young_days_show_a_real_fall_before_they_mature():
    day, delay, predicted = stable_world(2, num_days=40, rows=1000)
    completion = fit_completion(late_labels(day, delay, as_of_day=40, horizon_days=7))
    gone = np.random.default_rng(0).random(day.size) < 0.5 * (day >= 36)
    labels = late_labels(day, np.where(gone, np.nan, delay), as_of_day=40, horizon_days=7)
    table = late_label_table(labels, predicted, users=np.arange(day.size), completion=completion)
    young = table[table["day"].between(36, 38)]
    assert (young["matured"] == 0).all()
    assert young["rate"].isna().all()
    assert (young["ratio"] > 1.5).all()
    assert (young["low"] > 1.0).all()
    assert table["known_share"].iloc[-1] == 0.0
    assert np.isnan(table["ratio"].iloc[-1])
    assert "nothing can be known" in table["note"].iloc[-1]


def test_all_too_young_is_a_finding():
    day, delay, predicted = stable_world(3)
    completion = fit_completion(late_labels(day, delay, as_of_day=40, horizon_days=7))
    labels = late_labels(np.array([38, 39]), [np.nan, np.nan], as_of_day=40, horizon_days=7)
    table = late_label_table(labels, predicted[:2], users=[0, 1], completion=completion)
    kinds = [each.kind for each in late_label_findings(table, head="return")]
    assert "no_matured_rows" in kinds
    empty = late_labels(np.zeros(0, dtype=int), [], as_of_day=1, horizon_days=7)
    assert late_label_table(empty, [], users=np.zeros(0, dtype=int), completion=completion).empty


def test_part_of_a_day_has_not_been_seen_before_the_day_is_over():
    found = late_labels(np.array([7, 7]), [2.5, 2.0], as_of_day=10, horizon_days=7)
    assert found.age.tolist() == [2, 2]
    assert found.delay.tolist() == [3, 2]
    assert found.positive_so_far.tolist() == [False, True]


def test_no_return_at_all_is_a_harmful_alarm():
    day, delay, predicted = stable_world(4, rows=1000)
    completion = fit_completion(late_labels(day, delay, as_of_day=40, horizon_days=7))
    gone = np.where(day >= 36, np.nan, delay)
    labels = late_labels(day, gone, as_of_day=40, horizon_days=7)
    table = late_label_table(labels, predicted, users=np.arange(day.size), completion=completion)
    alarms = raise_alarms(late_label_findings(table, head="return"), rate=0.01)
    last = [each for each in alarms if each.start.value // 86_400_000_000_000 == 38]
    assert last[0].harmful
    assert last[0].effect > 2.0
    assert 0.0 < last[0].p_value < 1e-10


def test_impossible_rows_are_named_and_the_rest_goes_on():
    day, delay, predicted = stable_world(5, rows=400)
    completion = fit_completion(late_labels(day, delay, as_of_day=40, horizon_days=7))
    labels = late_labels(day, delay, as_of_day=40, horizon_days=7)
    wrong = predicted.copy()
    wrong[:2] = np.nan, 1.2
    labels.delay[2] = -3
    table = late_label_table(labels, wrong, users=np.arange(day.size), completion=completion)
    assert table["impossible"].tolist()[:2] == [3, 0]
    assert table["n"].tolist()[:2] == [397, 400]
    first = late_label_findings(table, head="return")[0]
    assert (first.kind, first.statistic) == ("impossible_values", 3.0)
    nothing = late_label_table(
        late_labels(np.array([1, 1]), [np.nan, 2], as_of_day=40, horizon_days=7),
        [np.nan, np.nan],
        users=[0, 1],
        completion=completion,
    )
    assert nothing["note"].tolist() == ["every row is impossible"]


def test_young_days_have_a_history_of_their_own_age():
    """Days that are good or bad for all users alike alarm by users, and not beside their like."""
    rng = np.random.default_rng(6)
    day = np.repeat(np.arange(56), 2000)
    mood = np.exp(0.3 * rng.normal(size=70))
    delay = np.full(day.size, np.nan)
    for after in range(7, 0, -1):
        delay[rng.random(day.size) < 0.05 * mood[day + after]] = after
    predicted = np.full(day.size, np.mean(delay < 8))
    past = day < 28
    labels = late_labels(day[past], delay[past], as_of_day=28, horizon_days=7)
    completion = fit_completion(labels)
    users = np.arange(day.size)
    history = late_label_history(
        labels, predicted[past], users=users[past], completion=completion, head="return"
    )
    assert {each.where for each in history} == {f"return [after {age} days]" for age in range(1, 7)}
    # A day is in the history of each age that it had reached: of 27 one day, of 22 six days.
    assert [sum(each.where.endswith(f"{age} days]") for each in history) for age in (1, 6)] == [27, 22]
    null = fit_finding_null(history, rehearsals=20)
    young = day >= 49
    table = late_label_table(
        late_labels(day[young], delay[young], as_of_day=56, horizon_days=7),
        predicted[young],
        users=users[young],
        completion=completion,
    )
    found = [each for each in late_label_findings(table, head="return") if each.start is not None]
    assert sum(each.p_value < 0.001 for each in found) >= 2
    assert min(each.p_value for each in null.calibrated(found)) > 0.001


def test_bad_input():
    with pytest.raises(ValueError, match="not over yet"):
        late_labels(np.array([5]), [1], as_of_day=5, horizon_days=7)
    with pytest.raises(ValueError, match="at least 1 day later"):
        late_labels(np.array([1]), [0], as_of_day=5, horizon_days=7)
    with pytest.raises(ValueError, match="observed for 7 days"):
        fit_completion(late_labels(np.array([4]), [1], as_of_day=5, horizon_days=7))
    with pytest.raises(ValueError, match="no outcome"):
        fit_completion(late_labels(np.array([0]), [np.nan], as_of_day=9, horizon_days=7))
