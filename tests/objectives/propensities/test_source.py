"""What every source of propensities must keep; a source joins by being listed."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

from holdfast.core.propensity import MEANINGS
from holdfast.objectives.propensities.examination import ExaminationByRandomSlots
from holdfast.objectives.propensities.examination_em import ExaminationByEM
from holdfast.objectives.propensities.item_exposure import ItemExposure
from holdfast.objectives.propensities.logged import Logged
from holdfast.objectives.propensities.naive_bayes import NaiveBayes
from holdfast.objectives.propensities.predicted_click import PredictedClick
from holdfast.objectives.propensities.randomised_slice import RandomisedSlice
from holdfast.objectives.propensities.source import PropensitySource, user_folds

SOURCES = [
    Logged(),
    RandomisedSlice(),
    ExaminationByRandomSlots(),
    ExaminationByEM(num_iterations=5),
    ItemExposure(),
    PredictedClick(),
    NaiveBayes(),
]
every_source = pytest.mark.parametrize("source", SOURCES, ids=lambda each: type(each).__name__)


def a_log(rows: Any, num: int = 2000) -> Any:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(num, 2))
    slot = rng.integers(0, 3, num)
    chance = np.array([0.8, 0.5, 0.3])[slot] / (1.0 + np.exp(-features[:, 0]))
    return rows(
        num,
        click=(rng.random(num) < chance).astype(float),
        slot=slot,
        item=rng.integers(0, 20, num),
        user=rng.integers(0, 100, num),
        policy=rng.integers(0, 2, num),
        policies=("greedy", "random"),
        logged=rng.uniform(0.05, 1.0, num),
        logged_meaning="item_in_slot",
        features=features,
    )


@every_source
def test_it_gives_propensities_of_a_kind(source: PropensitySource, rows: Any) -> None:
    assert isinstance(source, PropensitySource)
    assert pickle.loads(pickle.dumps(source)) == source
    log = a_log(rows)
    fitted = source.fit(log)
    for found in (fitted.on_train, fitted.of(log)):
        assert len(found) == len(log)
        assert found.meaning in MEANINGS
        assert found.source
        assert found.sets_aside or not found.missing.any()
        weights, diagnostics = found.capped(10.0).weights(where=np.ones(len(log), dtype=bool))
        assert weights[weights > 0].mean() == pytest.approx(1.0)
        assert 0 < diagnostics.effective_sample_size <= diagnostics.num_rows
        assert diagnostics.num_rows + diagnostics.num_missing == len(log)
    assert source.meaning in (None, fitted.on_train.meaning)


@every_source
def test_the_same_log_gives_the_same(source: PropensitySource, rows: Any) -> None:
    first, second = (source.fit(a_log(rows)).on_train.values for _ in range(2))
    np.testing.assert_array_equal(first, second)


@every_source
def test_the_fitted_rows_say_nearly_what_a_fit_on_all_of_them_does(
    source: PropensitySource, rows: Any
) -> None:
    log = a_log(rows, 8000)
    fitted = source.fit(log)
    there = ~fitted.on_train.missing
    np.testing.assert_allclose(fitted.on_train.values[there], fitted.of(log).values[there], rtol=0.25)


@every_source
def test_other_rows_may_be_few(source: PropensitySource, rows: Any) -> None:
    log = a_log(rows)
    fitted = source.fit(log)
    one = log.take(np.flatnonzero(log.policy == 1)[:1])
    assert len(fitted.of(one)) == 1


def test_folds_are_of_users_and_even() -> None:
    user = np.repeat(np.arange(10), 3)
    fold = user_folds(user, num_folds=5, seed=0)
    assert all(len(np.unique(fold[user == each])) == 1 for each in range(10))
    assert np.bincount(fold).tolist() == [6] * 5
    with pytest.raises(ValueError, match="10 users cannot be split into 11 folds"):
        user_folds(user, num_folds=11, seed=0)


def test_columns_of_unequal_length_are_refused(rows: Any) -> None:
    with pytest.raises(ValueError, match="give each the same"):
        rows(3, slot=np.zeros(2, dtype=np.int64))
