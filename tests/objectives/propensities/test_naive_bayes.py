from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from holdfast.objectives.propensities.naive_bayes import NaiveBayes, naive_bayes_propensity


def test_by_hand() -> None:
    # P(1 | observed) = 3/4, P(1) = 1/4, P(observed) = 0.1.
    found = naive_bayes_propensity(
        np.array([1, 1, 1, 0]), at_random=np.array([0, 0, 0, 1]), observed_share=0.1, smoothing=0.0
    )
    assert found == pytest.approx({0.0: 0.25 * 0.1 / 0.75, 1.0: 0.75 * 0.1 / 0.25})


def test_the_truth_is_recovered_and_the_mean_rating_with_it() -> None:
    rng = np.random.default_rng(0)
    rating = rng.choice(5, 200_000, p=[0.4, 0.25, 0.2, 0.1, 0.05]) + 1.0
    truth = {1.0: 0.02, 2.0: 0.03, 3.0: 0.06, 4.0: 0.12, 5.0: 0.3}
    chance = np.vectorize(truth.get)(rating)
    seen = rng.random(len(rating)) < chance
    sample = rng.choice(len(rating), 4000, replace=False)
    found = naive_bayes_propensity(rating[seen], at_random=rating[sample], observed_share=float(seen.mean()))
    for value, expected in truth.items():
        share = (rating == value).mean()
        error = expected * np.sqrt(1 / (4000 * share) + 1 / (seen & (rating == value)).sum())
        assert abs(found[value] - expected) < 3 * error
    weights = 1 / np.vectorize(found.get)(rating[seen])
    assert np.average(rating[seen], weights=weights) == pytest.approx(rating.mean(), abs=0.06)
    assert rating[seen].mean() > rating.mean() + 0.5


def test_chances_do_not_exceed_one() -> None:
    found = naive_bayes_propensity(
        np.array([1.0] * 9 + [0.0]), at_random=np.array([1.0] + [0.0] * 9), observed_share=0.9, smoothing=0.0
    )
    assert found[1.0] == 1.0


def test_the_source_sets_the_random_sample_aside(rows: Any) -> None:
    rng = np.random.default_rng(0)
    num = 20_000
    by_chance = rng.random(num) < 0.1
    click = (rng.random(num) < np.where(by_chance, 0.1, 0.3)).astype(float)
    click[:50] = np.nan
    log = rows(
        num,
        click=click,
        policy=by_chance.astype(int),
        policies=("greedy", "random"),
        user=rng.integers(0, 500, num),
    )
    fitted = NaiveBayes(observed_share=0.05).fit(log)
    found = fitted.on_train
    assert found.sets_aside
    np.testing.assert_array_equal(found.missing, by_chance | np.isnan(click))
    clicked = np.nan_to_num(click) > 0.5
    assert found.values[clicked & ~by_chance].mean() == pytest.approx(0.05 * 0.3 / 0.1, rel=0.1)
    weights, _ = found.weights(where=np.ones(num, dtype=bool))
    # Weighted, the log has the click rate that chance would have seen.
    assert np.average(clicked, weights=weights) == pytest.approx(0.1, abs=0.02)
    other = rows(2, click=np.array([1.0, np.nan]), policy=np.zeros(2, dtype=int), policies=("greedy",))
    assert fitted.of(other).missing.tolist() == [False, True]


def test_samples_that_cannot_tell_are_refused(rows: Any) -> None:
    with pytest.raises(ValueError, match="0 rows chosen by a policy and 2 chosen by chance"):
        naive_bayes_propensity(np.zeros(0), at_random=np.ones(2), observed_share=0.1)
    with pytest.raises(ValueError, match=r"outcomes \[1\.0\] occur in one sample only"):
        naive_bayes_propensity(np.array([0.0, 1.0]), at_random=np.zeros(3), observed_share=0.1, smoothing=0.0)
    with pytest.raises(ValueError, match="needs both"):
        NaiveBayes().fit(rows(10, policies=("greedy",)))
    for settings, said in (
        ({"observed_share": 0.0}, "observed_share is 0"),
        ({"smoothing": -1.0}, "smoothing is -1"),
        ({"policies": []}, "policies is empty"),
        ({"num_folds": 1}, "num_folds is 1"),
    ):
        with pytest.raises(ValueError, match=said):
            NaiveBayes(**settings)
