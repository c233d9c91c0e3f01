"""Realised strength where it is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from holdfast.core.features import Feature
from holdfast.data.encoder import EncodedInputs
from holdfast.drift.strength import area_under_curve, column_changes, domain_auc, mean_change, outcome_change


def inputs(numeric, categorical=None, lists=()):
    n = len(numeric)
    categorical = np.zeros((n, 1), dtype=np.int32) if categorical is None else categorical
    length = np.full(n, np.inf, dtype=np.float32)
    return EncodedInputs(categorical, numeric.astype(np.float32), lists, length)


def test_the_area_is_that_of_an_independent_implementation():
    generator = np.random.default_rng(0)
    scores, label = generator.integers(0, 5, size=300).astype(float), generator.random(300) < 0.3
    assert area_under_curve(scores, label) == pytest.approx(roc_auc_score(label, scores), abs=1e-12)


@pytest.mark.parametrize("shift", [0.5, 1.5])
def test_a_shift_of_a_normal_gives_the_area_it_must(shift):
    values = np.random.default_rng(1).standard_normal((6000, 1))
    found = domain_auc(
        inputs(values), inputs(values[::-1] + shift), source=np.arange(6000)[::-1], max_rows=6000
    )
    # Two classes of 6,000: one standard error of the area is below .006, and binning costs a little.
    assert found == pytest.approx(norm.cdf(shift / np.sqrt(2.0)), abs=0.02)


def test_columns_that_say_the_same_do_not_say_it_twice_as_loud():
    values = np.random.default_rng(1).standard_normal((4000, 1))
    once = domain_auc(inputs(values), inputs(values + 1.0), source=np.arange(4000))
    copied = np.tile(values, (1, 10))
    tenfold = domain_auc(inputs(copied), inputs(copied + 1.0), source=np.arange(4000))
    assert tenfold == pytest.approx(once, abs=0.01)


def test_more_noise_with_the_same_mean_is_seen():
    generator = np.random.default_rng(2)
    values = generator.standard_normal((4000, 1))
    assert domain_auc(inputs(values), inputs(3.0 * values), source=np.arange(4000)) > 0.7


def test_without_drift_it_is_a_half():
    generator = np.random.default_rng(3)
    values = generator.standard_normal((4000, 12))
    clean = inputs(values)
    assert domain_auc(clean, clean, source=np.arange(4000)) == 0.5
    areas = [
        domain_auc(clean, inputs(generator.standard_normal((4000, 12))), source=np.arange(4000), seed=seed)
        for seed in range(8)
    ]
    # 2,000 against 2,000 in each of two folds: a standard error of about .0065; the mean of 8 has .0023.
    assert np.mean(areas) == pytest.approx(0.5, abs=0.0092)


def test_a_category_and_a_list_that_became_unknown_are_seen():
    n = 1000
    values, known = np.zeros((n, 1)), np.full((n, 1), 5, dtype=np.int32)
    unknown = np.where(np.arange(n)[:, None] % 2, known, 1).astype(np.int32)
    source = np.arange(n)
    by_category = domain_auc(inputs(values, known), inputs(values, unknown), source=source)
    by_list = domain_auc(inputs(values, known, (known,)), inputs(values, known, (unknown,)), source=source)
    # Half of the drifted rows are told for sure, the others not at all.
    assert by_category == pytest.approx(0.75, abs=0.02)
    assert by_list == pytest.approx(0.75, abs=0.02)


def test_fewer_rows_than_folds_need_are_refused():
    few = inputs(np.zeros((3, 1)))
    with pytest.raises(ValueError, match="3 clean and 3 drifted rows"):
        domain_auc(few, few, source=np.arange(3))


def test_changes_of_columns_by_hand():
    before = pd.DataFrame({"x": [0.0, 2.0, np.nan, 2.0], "c": ["a", "a", "b", None], "l": [None] * 4})
    after = pd.DataFrame({"x": [3.0, np.nan, np.nan, 1.0], "c": ["a", "z", "z", None], "l": [[1]] * 4})
    features = [
        Feature(name="x", kind="numeric", owner="item"),
        Feature(name="c", kind="categorical", owner="item"),
        Feature(name="l", kind="sequence", owner="item"),
    ]
    found = column_changes(before, after, features).set_index("feature")
    deviation = np.std([0.0, 2.0, 2.0])
    assert found.loc["x", "mean_shift"] == pytest.approx((2.0 - 4.0 / 3.0) / deviation)
    assert found.loc["x", "missing_change"] == 0.25
    # (|1/4 - 2/4| + |0 - 1/4| + |2/4 - 0| + 0) / 2
    assert found.loc["c", "total_variation"] == 0.5
    assert np.isnan(found.loc["l", "total_variation"])
    assert found.loc["l", "missing_change"] == -1.0
    assert column_changes(before.iloc[:0], after, features)["mean_shift"].isna().all()


def test_change_of_outcomes_by_hand():
    table = outcome_change(
        np.array([0.1, 0.2, 0.8, 0.9, 0.9]),
        np.array([0.0, 1.0, 1.0, 1.0, np.nan]),
        new_score=np.array([0.0, 0.9, 0.8]),
        new_outcome=np.array([1.0, 0.0, 1.0]),
        num_bins=2,
    )
    assert table["rows"].tolist() == [2, 2]
    assert table["rate"].tolist() == [0.5, 1.0]
    assert table["new_rate"].tolist() == [1.0, 0.5]
    assert mean_change(table) == 0.5


def test_a_bin_without_new_rows_is_said_and_left_out():
    one = np.array([0.1, 0.9])
    table = outcome_change(one, np.array([0.0, 1.0]), new_score=one[:1], new_outcome=np.ones(1), num_bins=2)
    assert table["change"].isna().tolist() == [False, True]
    assert mean_change(table) == 1.0
    empty = outcome_change(one, np.full(2, np.nan), new_score=one, new_outcome=one)
    assert len(empty) == 0
    assert mean_change(empty) is None


def test_the_same_outcomes_do_not_change():
    generator = np.random.default_rng(0)
    score, outcome = generator.random(500), generator.random(500)
    assert mean_change(outcome_change(score, outcome, new_score=score, new_outcome=outcome)) == 0.0
    with pytest.raises(ValueError, match="num_bins is 0"):
        outcome_change(score, outcome, new_score=score, new_outcome=outcome, num_bins=0)
