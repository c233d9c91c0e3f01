"""Intervals cover where the log answers, and the log does not answer where they would not."""

from __future__ import annotations

import numpy as np
import pytest

from holdfast.evaluation.off_policy import (
    ClippedInversePropensity,
    CressieRead,
    DirectMethod,
    DoublyRobust,
    Intervals,
    InversePropensity,
    SelfNormalizedDoublyRobust,
    SelfNormalizedInversePropensity,
    Tuned,
    compare,
    evaluate,
    is_answer,
)

UNBIASED = [
    InversePropensity(),
    SelfNormalizedInversePropensity(),
    CressieRead(),
    DoublyRobust(),
    SelfNormalizedDoublyRobust(),
]
CONTEXT = ["x0", "x1", "x2"]


def covers(table, truth):
    return ((table["low"] <= truth) & (truth <= table["high"])).to_numpy(bool)


def run(make_bandit, *, replications, estimators=UNBIASED, intervals=None, **settings):
    covered, answered = [], []
    for seed in range(replications):
        bandit = make_bandit(seed, **settings)
        table = evaluate(
            bandit.frame, bandit.policy, estimators=estimators, context=CONTEXT, intervals=intervals
        )
        covered.append(covers(table, bandit.truth))
        answered.append(table["status"].map(is_answer).to_numpy(bool))
    return np.array(covered), np.array(answered)


# The standard error of a coverage of .95 is .0154 with 200 logs and .0244 with 80; bounds are three of them.
def test_answers_cover(make_bandit):
    covered, answered = run(make_bandit, replications=200)
    assert answered.mean() > 0.95
    assert (covered.mean(axis=0) > 0.904).all()
    assert (covered.mean(axis=0) < 0.996).all()


def test_users_are_not_rows(make_bandit):
    """50 rows a user: intervals that know cover, intervals that do not are too short."""
    settings = {"num_rows": 4000, "num_users": 80, "behavior": 0.0, "evaluation": 1.0}
    estimators = [InversePropensity(), DoublyRobust()]
    covered, _ = run(make_bandit, replications=80, estimators=estimators, **settings)
    assert (covered.mean(axis=0) > 0.877).all()
    ignorant = []
    for seed in range(80):
        bandit = make_bandit(seed, **settings)
        table = evaluate(bandit.frame, bandit.policy, estimators=estimators, context=CONTEXT, user=None)
        ignorant.append(covers(table, bandit.truth))
    # What is left of DR's variance is almost all between users; IPS varies within them too.
    assert np.mean(ignorant, axis=0)[1] < 0.75


def test_bad_intervals_are_withheld(make_bandit):
    covered, answered = run(make_bandit, replications=80, behavior=-2.0, evaluation=8.0, exploration=0.01)
    assert covered.mean() < 0.9
    assert answered.mean() < 0.05


@pytest.mark.parametrize(
    ("estimator", "num_rows"),
    [
        (DirectMethod(), 1000),
        (ClippedInversePropensity(max_weight=2.0), 1000),
        (Tuned(estimator="switch_dr"), 4000),
    ],
)
def test_biased_intervals_are_withheld(make_bandit, estimator, num_rows):
    covered, answered = run(make_bandit, replications=30, estimators=[estimator], num_rows=num_rows)
    assert covered.mean() < 0.6
    assert answered.mean() < 0.05


def test_bootstrap_covers(make_bandit):
    """100 logs: the standard error of a coverage of .95 is .022, the bound three of them."""
    intervals = Intervals(method="bootstrap", num_resamples=200)
    covered, _ = run(make_bandit, replications=100, intervals=intervals)
    assert (covered.mean(axis=0) > 0.885).all()


def test_dr_beats_ips_with_a_decent_model_and_does_no_harm_with_a_poor_one(make_bandit):
    errors = {"decent": [], "poor": []}
    for seed in range(80):
        bandit = make_bandit(seed)
        for kind, context in (("decent", CONTEXT), ("poor", [])):
            table = evaluate(
                bandit.frame,
                bandit.policy,
                estimators=[InversePropensity(), DoublyRobust()],
                context=context,
            )
            errors[kind].append((table["value"].to_numpy(float) - bandit.truth) ** 2)
    decent, poor = np.array(errors["decent"]), np.array(errors["poor"])
    gain = decent[:, 0] - decent[:, 1]
    assert gain.mean() > 3 * gain.std() / np.sqrt(len(gain))
    assert poor[:, 1].mean() < 1.1 * poor[:, 0].mean()


def test_differences_cover(make_bandit):
    covered = []
    for seed in range(80):
        bandit = make_bandit(seed)
        other = make_bandit(seed, evaluation=1.0)
        table = compare(
            bandit.frame,
            {"sharp": bandit.policy, "soft": other.policy},
            estimators=[SelfNormalizedInversePropensity(), DoublyRobust()],
            baseline="soft",
            context=CONTEXT,
        )
        covered.append(covers(table, bandit.truth - other.truth))
    assert (np.mean(covered, axis=0) > 0.877).all()
