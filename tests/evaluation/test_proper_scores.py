from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as reference

from holdfast.evaluation.proper_scores import CLIP, brier_score, log_loss, normalized_entropy


@pytest.mark.parametrize("seed", range(5))
def test_scores_agree_with_scikit_learn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    probability = np.round(rng.random(200), 2) * 0.98 + 0.01
    label = (rng.random(200) < probability).astype(float)
    weight = rng.exponential(size=200)
    base = np.full(200, np.average(label, weights=weight))
    loss = reference.log_loss(label, probability, sample_weight=weight)
    assert log_loss(probability, label, weight=weight) == pytest.approx(loss, abs=1e-12)
    assert log_loss(probability, label) == pytest.approx(reference.log_loss(label, probability), abs=1e-12)
    brier = reference.brier_score_loss(label, probability, sample_weight=weight)
    assert brier_score(probability, label, weight=weight) == pytest.approx(brier, abs=1e-12)
    expected = loss / reference.log_loss(label, base, sample_weight=weight)
    assert normalized_entropy(probability, label, weight=weight) == pytest.approx(expected, abs=1e-12)


def test_the_base_rate_has_normalized_entropy_one() -> None:
    label = np.array([1.0, 0.0, 0.0, 0.0])
    assert normalized_entropy(np.full(4, 0.25), label) == pytest.approx(1.0, abs=1e-12)


def test_a_sure_mistake_costs_a_finite_loss() -> None:
    assert log_loss([0.0], [1]) == pytest.approx(-np.log(CLIP))
    assert log_loss([1.0], [0]) == pytest.approx(-np.log(CLIP))


def test_undefined_cases_have_no_value() -> None:
    assert log_loss([], []) is None
    assert brier_score([0.3], [1], weight=[0.0]) is None
    assert normalized_entropy([0.3, 0.4], [0, 0]) is None


def test_logits_are_refused() -> None:
    with pytest.raises(ValueError, match=r"outside \[0, 1\].*not logits"):
        log_loss([2.5], [1])
