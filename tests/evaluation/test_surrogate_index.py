from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from holdfast.evaluation.surrogate_index import SurrogateIndex


def rows(size: int = 4000, seed: int = 0) -> tuple[dict[str, np.ndarray], np.ndarray]:
    rng = np.random.default_rng(seed)
    columns = {"clicks": rng.poisson(2.0, size).astype(float), "recency": rng.normal(size=size)}
    chance = 1 / (1 + np.exp(1.0 - 0.6 * columns["clicks"] - 0.8 * columns["recency"]))
    return columns, (rng.random(size) < chance).astype(float)


def test_it_is_the_logistic_regression_of_scikit_learn() -> None:
    columns, outcome = rows()
    weight = np.random.default_rng(1).integers(0, 4, outcome.size)
    index = SurrogateIndex.fit(columns, outcome, weight=weight, ridge=2.0)
    scaled = (np.column_stack(list(columns.values())) - index.center) / index.scale
    theirs = LogisticRegression(C=0.5, tol=1e-10, max_iter=1000).fit(scaled, outcome, sample_weight=weight)
    np.testing.assert_allclose(index.coefficients, theirs.coef_[0], rtol=1e-5)
    np.testing.assert_allclose(index.intercept, theirs.intercept_[0], rtol=1e-5)
    np.testing.assert_allclose(index.expected(columns), theirs.predict_proba(scaled)[:, 1], rtol=1e-5)
    assert index.num_rows == (weight > 0).sum()


def test_what_it_expects_on_average_is_what_happened() -> None:
    columns, outcome = rows()
    assert SurrogateIndex.fit(columns, outcome).expected(columns).mean() == pytest.approx(
        outcome.mean(), abs=1e-7
    )


def test_a_constant_column_says_nothing_and_does_no_harm() -> None:
    columns, outcome = rows()
    index = SurrogateIndex.fit({**columns, "ones": np.ones(outcome.size)}, outcome)
    assert index.coefficients[2] == pytest.approx(0.0, abs=1e-9)


def test_columns_that_separate_need_a_ridge() -> None:
    outcome = np.array([0.0, 0.0, 1.0, 1.0])
    columns = {"told": outcome}
    assert np.isfinite(SurrogateIndex.fit(columns, outcome).expected(columns)).all()
    with pytest.raises(ValueError, match="separate the outcomes"):
        SurrogateIndex.fit(columns, outcome, ridge=0.0)


@pytest.mark.parametrize(
    ("columns", "outcome", "said"),
    [
        ({"clicks": [1.0, 2.0]}, [1.0, 1.0], "all 2 matured outcomes are 1"),
        ({"clicks": []}, [], "no row has a matured outcome"),
        ({}, [0.0, 1.0], "at least one column"),
        ({"clicks": [1.0, np.nan]}, [0.0, 1.0], "clicks holds 1 values that are NaN"),
        ({"clicks": [1.0, 2.0]}, [0.0, 3.0], "outcome holds 1 values outside"),
    ],
)
def test_what_cannot_be_fitted_is_refused(columns, outcome, said) -> None:
    with pytest.raises(ValueError, match=said):
        SurrogateIndex.fit(columns, outcome)


def test_other_columns_than_those_of_the_fit_are_refused() -> None:
    columns, outcome = rows(100)
    index = SurrogateIndex.fit(columns, outcome)
    with pytest.raises(ValueError, match="fitted on"):
        index.expected({"clicks": columns["clicks"]})
