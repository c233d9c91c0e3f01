"""Linearised metrics against the exact ones, value and slope."""

from __future__ import annotations

import numpy as np
import pytest

from holdfast.evaluation.calibration import calibration_ratio
from holdfast.evaluation.concordance import xauc
from holdfast.evaluation.discrimination import roc_auc
from holdfast.evaluation.robustness.linearised import (
    Users,
    linear_auc,
    linear_log2_ratio,
    linear_mean,
    linear_xauc,
    resampled,
)

STEP = 1e-6


def rows(seed: int, *, levels: int = 0) -> dict[str, np.ndarray]:
    draw = np.random.default_rng(seed)
    n = 300
    score = draw.normal(size=n) if not levels else draw.integers(0, levels, n).astype(float)
    seconds = np.round(np.exp(draw.normal(size=n) + 0.3 * score), 1)
    return {
        "score": score,
        "seconds": seconds,
        "event": draw.random(n) < 0.7,
        "positive": draw.random(n) < 1 / (1 + np.exp(-score)),
        "user": draw.integers(0, 20, n),
        "weight": draw.integers(0, 4, n).astype(float),
    }


@pytest.mark.parametrize("levels", [0, 5])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("metric", ["auc", "xauc", "ratio", "mean"])
def test_value_and_slope_are_those_of_the_exact_metric(metric: str, weighted: bool, levels: int) -> None:
    data = rows(3, levels=levels)
    weight = data["weight"] if weighted else None
    users = Users(data["user"], 20)
    positive_score = np.exp(0.1 * data["score"])

    def exact(counts: np.ndarray) -> float:
        if metric == "auc":
            return float(roc_auc(data["score"], data["positive"], weight=counts) or 0.0)
        if metric == "xauc":
            return float(xauc(data["score"], data["seconds"], event=data["event"], weight=counts) or 0.0)
        if metric == "ratio":
            return float(np.log2(calibration_ratio(positive_score, data["seconds"], weight=counts) or 1.0))
        return float(np.average(data["seconds"], weights=counts))

    found = {
        "auc": lambda: linear_auc(data["score"], data["positive"], users, weight=weight),
        "xauc": lambda: linear_xauc(data["score"], data["seconds"], data["event"], users, weight=weight),
        "ratio": lambda: linear_log2_ratio(positive_score, data["seconds"], users, weight=weight),
        "mean": lambda: linear_mean(data["seconds"], users, weight=weight),
    }[metric]()
    base = np.ones(300) if weight is None else weight
    assert found.value == pytest.approx(exact(base), abs=1e-12)
    assert found.influence.sum() == pytest.approx(0.0, abs=1e-9)
    for user in (0, 7):
        more = base * np.where(data["user"] == user, 1 + STEP, 1.0)
        slope = (exact(more) - exact(base)) / STEP
        assert found.influence[user] == pytest.approx(slope, abs=2e-6)


def test_resampled_intervals_are_those_of_the_exact_bootstrap() -> None:
    data = rows(5)
    # A hundred users: to the first order only, so twenty would be too few.
    data["user"] = np.arange(300) % 100
    users = Users(data["user"], 100)
    deviations = np.random.default_rng(0).poisson(1.0, (400, 100)) - 1.0
    linear = resampled([linear_auc(data["score"], data["positive"], users)], deviations)[0]
    exact = [
        roc_auc(data["score"], data["positive"], weight=(each + 1.0)[data["user"]]) for each in deviations
    ]
    assert np.std(linear[1:]) == pytest.approx(np.std(np.array(exact, dtype=float)), rel=0.1)
    assert np.corrcoef(linear[1:], np.array(exact, dtype=float))[0, 1] > 0.97


def test_one_class_no_rows_and_nothing_comparable_are_undefined_and_never_a_number() -> None:
    users = Users(np.zeros(3, dtype=np.int64), 1)
    nobody = Users(np.zeros(0, dtype=np.int64), 1)
    same = np.ones(3)
    undefined = [
        linear_auc(same, np.ones(3, dtype=bool), users),
        linear_auc(np.zeros(0), np.zeros(0, dtype=bool), nobody),
        linear_xauc(same, same, np.ones(3, dtype=bool), users),
        linear_xauc(np.zeros(0), np.zeros(0), np.zeros(0, dtype=bool), nobody),
        linear_log2_ratio(same, np.zeros(3), users),
        linear_mean(np.zeros(0), nobody),
    ]
    assert [each.value for each in undefined] == [None] * 6
    assert np.isnan(resampled(undefined, np.zeros((2, 1)))).all()


def test_a_constant_score_is_chance() -> None:
    users = Users(np.arange(4), 4)
    positive = np.array([True, False, True, False])
    assert linear_auc(np.zeros(4), positive, users).value == 0.5
    assert linear_xauc(np.zeros(4), np.arange(4.0), np.ones(4, dtype=bool), users).value == 0.5
