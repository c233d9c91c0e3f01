from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from holdfast.objectives.propensities.logistic import fit_logistic


def test_it_is_scikit_learns_regression_on_scaled_features() -> None:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(400, 3)) * [1.0, 10.0, 0.1]
    label = (rng.random(400) < 1 / (1 + np.exp(-features[:, 0]))).astype(float)
    ours = fit_logistic(features, label, ridge=2.0)
    scaled = (features - features.mean(0)) / features.std(0)
    theirs = LogisticRegression(C=0.5, tol=1e-10, max_iter=1000).fit(scaled, label)
    np.testing.assert_allclose(ours.chance(features), theirs.predict_proba(scaled)[:, 1], atol=1e-5)


def test_shares_count_like_labels_in_proportion() -> None:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(50, 1))
    share = np.full(50, 0.25)
    assert fit_logistic(features, share).chance(features) == pytest.approx(np.full(50, 0.25))


def test_features_that_do_not_vary_and_rows_that_can_be_told_apart_are_no_trouble() -> None:
    features = np.column_stack([np.full(20, 1e6), np.repeat([-1.0, 1.0], 10)])
    label = np.repeat([0.0, 1.0], 10)
    chance = fit_logistic(features, label).chance(features)
    assert np.isfinite(chance).all()
    assert chance[0] < 0.2 < 0.8 < chance[-1]


def test_without_features_it_is_the_mean() -> None:
    chance = fit_logistic(np.zeros((4, 0)), np.array([0.0, 0, 0, 1])).chance(np.zeros((2, 0)))
    assert chance == pytest.approx([0.25, 0.25])


@pytest.mark.parametrize("labels", [np.zeros(3), np.ones(3), np.zeros(0)])
def test_one_kind_of_row_is_refused(labels: np.ndarray) -> None:
    with pytest.raises(ValueError, match="rows of both kinds"):
        fit_logistic(np.zeros((len(labels), 1)), labels)
