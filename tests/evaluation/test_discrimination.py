from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from holdfast.evaluation.discrimination import grouped_auc, roc_auc


@pytest.mark.parametrize("seed", range(8))
def test_auc_agrees_with_scikit_learn_with_ties_and_weights(seed: int) -> None:
    rng = np.random.default_rng(seed)
    size = int(rng.integers(10, 400))
    score = rng.integers(0, 12, size=size) / 12.0
    label = (rng.random(size) < 0.2 + 0.5 * score).astype(float)
    label[:2] = 0.0, 1.0
    weight = rng.exponential(size=size) * (rng.random(size) > 0.2)
    weight[:2] = 1.0
    assert roc_auc(score, label) == pytest.approx(roc_auc_score(label, score), abs=1e-12)
    expected = roc_auc_score(label, score, sample_weight=weight)
    assert roc_auc(score, label, weight=weight) == pytest.approx(expected, abs=1e-12)


def test_auc_is_undefined_with_one_class_or_one_weightless_class() -> None:
    assert roc_auc([0.1, 0.2], [1, 1]) is None
    assert roc_auc([], []) is None
    assert roc_auc([0.1, 0.2], [0, 1], weight=[1.0, 0.0]) is None


def test_constant_scores_have_auc_one_half() -> None:
    assert roc_auc(np.zeros(5), [0, 1, 0, 1, 1]) == 0.5


@pytest.mark.parametrize("by", ["rows", "positives"])
def test_grouped_auc_agrees_with_a_loop_over_groups(by: str) -> None:
    rng = np.random.default_rng(3)
    groups = rng.integers(0, 40, size=300) * 7 - 50
    score = rng.integers(0, 6, size=300).astype(float)
    label = (rng.random(300) < 0.3).astype(float)
    weight = rng.exponential(size=300)
    total = above = excluded = 0.0
    for group in np.unique(groups):
        rows = groups == group
        if len(np.unique(label[rows])) == 1:
            excluded += 1
            continue
        counts = weight[rows].sum() if by == "rows" else weight[rows] @ label[rows]
        above += counts * roc_auc_score(label[rows], score[rows], sample_weight=weight[rows])
        total += counts
    found = grouped_auc(score, label, groups, weight=weight, group_weight=by)
    assert found.value == pytest.approx(above / total, abs=1e-12)
    assert (found.num_groups, found.num_excluded) == (len(np.unique(groups)), excluded)
    assert excluded > 0


def test_grouped_auc_ignores_differences_between_groups() -> None:
    # Between users the scores are perfect, within them they are upside down.
    score, label = [0.1, 0.2, 0.9, 0.8, 0.95], [1, 0, 0, 1, 1]
    groups = [0, 0, 1, 1, 2]
    found = grouped_auc(score, label, groups)
    assert found.value == 0.0
    assert (found.num_groups, found.num_excluded) == (3, 1)
    assert grouped_auc(score, label, [0, 1, 2, 3, 4]).value is None


def test_bad_input_is_refused_with_what_to_do() -> None:
    with pytest.raises(ValueError, match=r"score holds 1 values that are NaN.*row 1.*mask the rows"):
        roc_auc([0.1, np.nan], [0, 1])
    with pytest.raises(ValueError, match="label holds 1 values other than 0 and 1"):
        roc_auc([0.1, 0.2], [0, 2])
    with pytest.raises(ValueError, match="equally long"):
        roc_auc([0.1, 0.2, 0.3], [0, 1])
    with pytest.raises(ValueError, match="weight has 1 rows"):
        roc_auc([0.1, 0.2], [0, 1], weight=[1.0])
    with pytest.raises(ValueError, match="negative"):
        roc_auc([0.1, 0.2], [0, 1], weight=[1.0, -1.0])
    with pytest.raises(ValueError, match="group_weight is 'users'"):
        grouped_auc([0.1], [1], [0], group_weight="users")  # type: ignore[arg-type]
