from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from holdfast.objectives.propensities.examination import ExaminationByRandomSlots, examination_by_click_rates

TRUTH = np.array([1.0, 0.6, 0.35, 0.2])


def shuffled_log(rows: Any, num: int = 60_000) -> Any:
    rng = np.random.default_rng(0)
    slot, interest = rng.integers(0, 4, num), rng.beta(2, 4, num)
    click = (rng.random(num) < TRUTH[slot] * interest).astype(float)
    return rows(num, click=click, slot=slot, user=rng.integers(0, 2000, num))


def test_click_rates_by_hand() -> None:
    click = np.array([1.0, 1, 1, 0, 1, 0, 0, 0])
    slot = np.array([0, 0, 0, 0, 2, 2, 2, 2])
    found = examination_by_click_rates(click, slot)
    assert found[[0, 2]].tolist() == pytest.approx([1.0, 1 / 3])
    assert np.isnan(found[1]), "the slot never occurs"


def test_slots_with_few_clicks_share_their_rate() -> None:
    click = np.array([1.0] * 10 + [0.0] * 10 + [1.0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
    slot = np.array([0] * 20 + [1] * 5 + [2] * 5)
    found = examination_by_click_rates(click, slot, min_clicks=5)
    assert found.tolist() == pytest.approx([1.0, 0.2, 0.2])


def test_the_truth_is_recovered(rows: Any) -> None:
    log = shuffled_log(rows)
    fitted = ExaminationByRandomSlots().fit(log)
    for slot in range(1, 4):
        mine = log.slot == slot
        # A ratio of two click rates; its standard error by the delta method.
        clicks = log.click[mine].sum(), log.click[log.slot == 0].sum()
        error = TRUTH[slot] * np.sqrt(1 / clicks[0] + 1 / clicks[1])
        predicted = fitted.of(log).values[mine][0]
        assert abs(predicted - TRUTH[slot]) < 3 * error
    assert "1: 0.6" in fitted.notes[0]


def test_rows_are_predicted_without_their_user(rows: Any) -> None:
    log = shuffled_log(rows, 6000)
    folded = ExaminationByRandomSlots(num_folds=3).fit(log).on_train.values
    assert len(np.unique(folded[log.slot == 2])) == 3, "one value a fold"


def test_rows_that_chance_did_not_choose_are_predicted_without_their_user_too(rows: Any) -> None:
    log = shuffled_log(rows, 6000)
    mine = log.user == log.user[0]
    columns = {"slot": log.slot, "user": log.user, "policies": ("random", "greedy")}
    columns["policy"] = np.random.default_rng(1).integers(0, 2, 6000)
    columns["policy"][np.flatnonzero(mine)[:2]] = [0, 1]
    changed = np.where(mine, 1.0 - log.click, log.click)
    before, after = (
        ExaminationByRandomSlots(num_folds=3).fit(rows(6000, click=click, **columns)).on_train.values
        for click in (log.click, changed)
    )
    greedy = columns["policy"] == 1
    assert (mine & greedy).any()
    np.testing.assert_array_equal(before[mine], after[mine])
    assert (before[greedy & ~mine] != after[greedy & ~mine]).any()
    assert not np.isnan(before).any()


def test_only_chance_counts(rows: Any) -> None:
    log = shuffled_log(rows, 6000)
    twice = rows(
        12_000,
        click=np.concatenate([log.click, np.ones(6000)]),
        slot=np.concatenate([log.slot, log.slot]),
        user=np.arange(12_000) // 2,
        policy=np.repeat([0, 1], 6000),
        policies=("random", "greedy"),
    )
    alone = examination_by_click_rates(log.click, log.slot)
    predicted = ExaminationByRandomSlots().fit(twice).of(log).values
    np.testing.assert_allclose(predicted, alone[log.slot])


def test_unknown_slots_have_no_propensity(rows: Any) -> None:
    found = ExaminationByRandomSlots().fit(shuffled_log(rows, 6000)).of(rows(3, slot=np.array([-1, 9, 0])))
    assert found.missing.tolist() == [True, True, False]


def test_logs_that_cannot_tell_are_refused(rows: Any) -> None:
    with pytest.raises(ValueError, match="choose objective/propensity=examination_em"):
        ExaminationByRandomSlots().fit(rows(10, policies=("greedy",)))
    with pytest.raises(ValueError, match="no randomised row was clicked"):
        ExaminationByRandomSlots().fit(rows(10))
    with pytest.raises(ValueError, match="num_folds is 1"):
        ExaminationByRandomSlots(num_folds=1)
    with pytest.raises(ValueError, match="min_clicks is 0"):
        ExaminationByRandomSlots(min_clicks=0)
