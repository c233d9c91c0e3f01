"""NannyML's car loan (synthetic, Apache-2.0, in its package) where there is a copy, and equalities."""

import io
import os
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import auc as trapezoid

from holdfast.evaluation.bootstrap import ClusterBootstrap
from holdfast.evaluation.discrimination import roc_auc
from holdfast.monitoring.counts import bin_counts, jensen_shannon
from holdfast.monitoring.label_free import (
    estimate_auc,
    estimate_positive_rate,
    expected_confusion,
    expected_roc_auc,
    fit_isotonic,
)

BOOTSTRAP = ClusterBootstrap(num_resamples=100)
REALISED = [
    0.970962,
    0.970248,
    0.976282,
    0.967721,
    0.969886,
    0.960050,
    0.958530,
    0.959041,
    0.963094,
    0.957556,
]
CBPE = [0.970744, 0.971011, 0.971407, 0.971091, 0.971123, 0.961090, 0.961825, 0.961073, 0.962533, 0.961316]
JENSEN_SHANNON = [
    *(0.0316611, 0.0300113, 0.0311286, 0.0294644, 0.0308095),
    *(0.0286811, 0.0436276, 0.0292533, 0.0306276, 0.0283303),
]


def car_loan(part: str) -> pd.DataFrame:
    """A table of the car loan from a folder of CSV files, or from NannyML's wheel in it."""
    shared = os.environ.get("HOLDFAST_SHARED_DATA", str(Path(__file__).parents[2] / ".." / "shared" / "data"))
    folder = Path(os.environ.get("HOLDFAST_NANNYML", Path(shared) / "nannyml"))
    name = f"synthetic_car_loan_{part}.csv"
    if (folder / name).exists():
        return pd.read_csv(folder / name)
    for wheel in sorted(folder.glob("nannyml-*.whl")):
        with zipfile.ZipFile(wheel) as files:
            return pd.read_csv(io.BytesIO(files.read(f"nannyml/datasets/data/{name}")))
    pytest.skip(
        "no copy of NannyML's car loan; `pip download nannyml --no-deps` and set HOLDFAST_NANNYML to it"
    )


def outside_and_inside(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Counts in the bins, and of what lies outside them all."""
    counts = bin_counts(np.sort(values), edges)
    return np.r_[counts, values.size - counts.sum()]


def test_thirty_values_of_the_car_loan():
    reference = car_loan("reference")
    analysis = car_loan("analysis").merge(car_loan("analysis_target"), on="id", validate="1:1")
    calibration = fit_isotonic(reference["y_pred_proba"], reference["repaid"])
    ratio = reference["debt_to_income_ratio"].to_numpy()
    edges = np.histogram_bin_edges(ratio, bins="doane")
    for number in range(10):
        chunk = analysis.iloc[5000 * number : 5000 * (number + 1)]
        score = chunk["y_pred_proba"].to_numpy()
        assert roc_auc(score, chunk["repaid"]) == pytest.approx(REALISED[number], abs=1e-5)
        assert expected_roc_auc(score, calibration.apply(score)) == pytest.approx(CBPE[number], abs=1e-5)
        now = outside_and_inside(chunk["debt_to_income_ratio"].to_numpy(), edges)
        found = jensen_shannon(outside_and_inside(ratio, edges), now)
        assert found == pytest.approx(JENSEN_SHANNON[number], abs=1e-5)


def test_isotonic_is_scikit_learns():
    rng = np.random.default_rng(0)
    score = rng.integers(0, 50, 400) / 50
    label = rng.random(400) < score**2
    ours = fit_isotonic(score, label)
    theirs = IsotonicRegression(out_of_bounds="clip").fit(score, label)
    asked = np.linspace(-0.2, 1.2, 301)
    assert ours.apply(asked) == pytest.approx(theirs.predict(asked), abs=1e-6)


def test_expected_auc_is_the_trapezoid_of_cumulated_probabilities():
    rng = np.random.default_rng(1)
    score = rng.random(300)
    p = np.clip(score + rng.normal(0, 0.1, 300), 0.01, 0.99)
    order = np.argsort(-score)
    true, false = np.cumsum(p[order]), np.cumsum(1 - p[order])
    expected = trapezoid(np.r_[0, false / false[-1]], np.r_[0, true / true[-1]])
    assert expected_roc_auc(score, p) == pytest.approx(expected, abs=1e-12)
    # Certain labels make it the AUC, ties and weights and all.
    label, tied = rng.random(300) < p, np.round(score, 1)
    weight = rng.integers(0, 3, 300)
    assert expected_roc_auc(tied, label.astype(float), weight=weight) == pytest.approx(
        roc_auc(tied, label, weight=weight), abs=1e-12
    )
    assert expected_roc_auc(np.zeros(5), np.full(5, 0.3)) == pytest.approx(0.5)


def test_confusion():
    found = expected_confusion([0.9, 0.6, 0.2, 0.1], [1, 1, 0, 0])
    assert found is not None
    assert found.true_positive == pytest.approx(1.5 / 4)
    assert found.false_positive == pytest.approx(0.5 / 4)
    assert found.true_negative == pytest.approx(1.7 / 4)
    assert found.false_negative == pytest.approx(0.3 / 4)
    assert expected_confusion([], []) is None


def world(rng, *, rows, shift=0.0, slope=2.0):
    """Rows, a model that was right with slope 2, and labels."""
    x = rng.normal(shift, 1.0, rows)
    score = 1 / (1 + np.exp(-2 * x))
    return score, rng.random(rows) < 1 / (1 + np.exp(-slope * x))


def test_follows_a_change_of_rows_and_is_blind_to_a_change_of_concept():
    rng = np.random.default_rng(3)
    calibration = fit_isotonic(*world(rng, rows=20_000))
    users = np.arange(10_000)
    for shift in (0.0, 1.0):
        score, label = world(rng, rows=10_000, shift=shift)
        found = estimate_auc(score, calibration=calibration, users=users, bootstrap=BOOTSTRAP)
        assert found.value == pytest.approx(roc_auc(score, label), abs=0.015)
        rate = estimate_positive_rate(score, calibration=calibration, users=users, bootstrap=BOOTSTRAP)
        assert rate.value == pytest.approx(label.mean(), abs=0.02)
    stable, _ = world(rng, rows=10_000)
    score, label = world(rng, rows=10_000, slope=0.2)
    before = estimate_auc(stable, calibration=calibration, users=users, bootstrap=BOOTSTRAP)
    found = estimate_auc(score, calibration=calibration, users=users, bootstrap=BOOTSTRAP)
    assert roc_auc(score, label) < 0.6
    assert found.value == pytest.approx(before.value, abs=0.01)
    # What it cannot see, the first labels can: they lie outside what it says they should be.
    assert roc_auc(score, label) < found.realised_low


def test_realised_range_holds_the_realised_figure():
    rng = np.random.default_rng(8)
    calibration = fit_isotonic(*world(rng, rows=50_000))
    inside = 0
    for seed in range(60):
        score, label = world(rng, rows=400)
        bootstrap = ClusterBootstrap(num_resamples=100, seed=seed)
        found = estimate_auc(score, calibration=calibration, users=np.arange(400), bootstrap=bootstrap)
        inside += found.realised_low <= roc_auc(score, label) <= found.realised_high
    assert inside >= 51


def test_bad_input():
    with pytest.raises(ValueError, match="both classes"):
        fit_isotonic([0.1, 0.2], [1, 1])
    calibration = fit_isotonic([0.1, 0.2], [0, 1])
    empty = estimate_auc([], calibration=calibration, users=np.zeros(0, dtype=int), bootstrap=BOOTSTRAP)
    assert (empty.value, empty.note) == (None, "no rows")
    sure = estimate_auc([0.3, 0.4], calibration=calibration, users=[0, 1], bootstrap=BOOTSTRAP)
    assert sure.value is None
    assert "one class" in sure.note
    one = estimate_positive_rate([0.15], calibration=calibration, users=[0], bootstrap=BOOTSTRAP)
    assert one.value == pytest.approx(0.5)
    assert one.low is None
