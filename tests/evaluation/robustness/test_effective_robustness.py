"""Residuals from the line of clean and stressed quality."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, logit
from scipy.stats import linregress, norm

from holdfast.evaluation.robustness.effective_robustness import effective_robustness


def test_models_on_a_line_have_no_effective_robustness_and_one_above_it_has_its_distance() -> None:
    clean = np.linspace(0.55, 0.9, 20)
    stressed = norm.cdf(0.8 * norm.ppf(clean) - 0.1)
    found = effective_robustness(clean, stressed)
    assert (found.slope, found.intercept) == (pytest.approx(0.8), pytest.approx(-0.1))
    assert found.residuals == pytest.approx(np.zeros(20), abs=1e-12)
    assert found.r_squared == pytest.approx(1.0)
    assert not found.few_models


def test_logit_agrees_with_an_independent_regression() -> None:
    draw = np.random.default_rng(0)
    clean, stressed = draw.uniform(0.6, 0.9, 8), draw.uniform(0.5, 0.8, 8)
    found = effective_robustness(clean, stressed, scale="logit")
    line = linregress(logit(clean), logit(stressed))
    assert found.residuals == pytest.approx(stressed - expit(line.intercept + line.slope * logit(clean)))
    assert found.r_squared == pytest.approx(line.rvalue**2)
    assert found.few_models


@pytest.mark.parametrize(
    ("clean", "stressed", "words"),
    [
        ([0.6, 0.7], [0.5, 0.6], "three or more"),
        ([0.6, 0.7, 1.0], [0.5, 0.6, 0.7], r"not inside \(0, 1\)"),
        ([0.6, 0.6, 0.6], [0.5, 0.6, 0.7], "same clean quality"),
    ],
)
def test_no_line_no_residual(clean: list[float], stressed: list[float], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        effective_robustness(clean, stressed)
    with pytest.raises(ValueError, match="choose probit or logit"):
        effective_robustness([0.6, 0.7, 0.8], [0.5, 0.6, 0.7], scale="odds")  # type: ignore[arg-type]
