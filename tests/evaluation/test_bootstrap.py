from __future__ import annotations

import numpy as np
import pytest

from holdfast.evaluation.bootstrap import ClusterBootstrap
from holdfast.evaluation.discrimination import prepare_roc_auc
from holdfast.evaluation.weighted_mean import prepare_mean


def test_interval_of_a_mean_has_the_width_of_the_normal_one() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=2000)
    (found,) = ClusterBootstrap(num_resamples=2000).intervals(
        [prepare_mean(values)], clusters=np.arange(2000)
    )
    half = 1.96 * values.std() / np.sqrt(2000)
    assert found.low == pytest.approx(values.mean() - half, abs=0.1 * half)
    assert found.high == pytest.approx(values.mean() + half, abs=0.1 * half)


def test_rows_of_a_user_count_as_one_observation() -> None:
    rng = np.random.default_rng(1)
    values = np.repeat(rng.normal(size=200), 50)
    clusters = np.repeat(np.arange(200), 50)
    bootstrap = ClusterBootstrap(num_resamples=500)
    (by_user,) = bootstrap.intervals([prepare_mean(values)], clusters=clusters)
    (by_row,) = bootstrap.intervals([prepare_mean(values)], clusters=np.arange(values.size))
    assert by_user.low is not None
    assert by_row.low is not None
    ratio = (by_user.high - by_user.low) / (by_row.high - by_row.low)
    assert ratio == pytest.approx(np.sqrt(50), rel=0.2)


def test_coverage_of_the_auc_of_correlated_rows() -> None:
    """True AUC is .76 (scores N(1, 1) against N(0, 1)); each user's rows share half of the variance."""
    rng = np.random.default_rng(2)
    users, rows, trials = 80, 5, 150
    covered = 0
    for seed in range(trials):
        label = np.repeat(rng.integers(0, 2, size=users), rows)
        noise = np.repeat(rng.normal(size=users), rows) + rng.normal(size=users * rows)
        metric = prepare_roc_auc(label + noise / np.sqrt(2), label)
        bootstrap = ClusterBootstrap(num_resamples=100, seed=seed, level=0.9)
        (found,) = bootstrap.intervals([metric], clusters=np.repeat(np.arange(users), rows))
        assert found.low is not None
        covered += found.low <= 0.7602499 <= found.high
    # Four standard errors of 90 % over 150 trials are 9.8 points.
    assert 0.80 <= covered / trials <= 0.99


def test_same_seed_same_interval_in_any_order_of_rows() -> None:
    rng = np.random.default_rng(3)
    values, clusters = rng.integers(0, 8, size=100).astype(float), rng.integers(0, 30, size=100)
    order = rng.permutation(100)
    bootstrap = ClusterBootstrap(num_resamples=50, seed=4)
    first = bootstrap.intervals([prepare_mean(values)], clusters=clusters)
    assert first == bootstrap.intervals([prepare_mean(values)], clusters=clusters)
    assert first == bootstrap.intervals([prepare_mean(values[order])], clusters=clusters[order])
    other = ClusterBootstrap(num_resamples=50, seed=5)
    assert first != other.intervals([prepare_mean(values)], clusters=clusters)


def test_weights_enter_every_resample() -> None:
    rng = np.random.default_rng(5)
    values, weight = rng.normal(size=60), rng.integers(1, 4, size=60)
    clusters = np.arange(60)
    bootstrap = ClusterBootstrap(num_resamples=50)
    (weighted,) = bootstrap.intervals([prepare_mean(values)], clusters=clusters, weight=weight)
    (repeated,) = bootstrap.intervals(
        [prepare_mean(np.repeat(values, weight))], clusters=np.repeat(clusters, weight)
    )
    assert weighted.low == pytest.approx(repeated.low, abs=1e-12)
    assert weighted.high == pytest.approx(repeated.high, abs=1e-12)


def test_undefined_resamples_are_counted_and_too_many_give_no_interval() -> None:
    label = np.zeros(50)
    label[0] = 1.0
    (found,) = ClusterBootstrap(num_resamples=200).intervals(
        [prepare_roc_auc(np.arange(50.0), label)], clusters=np.arange(50)
    )
    # The only positive is drawn in 63 % of the resamples.
    assert 40 < found.num_undefined < 110
    assert (found.low, found.high) == (None, None)
    assert f"{found.num_undefined} of 200 resamples undefined" in found.note


def test_one_user_has_no_interval() -> None:
    metric = prepare_mean(np.array([1.0, 2.0, 5.0]))
    bootstrap = ClusterBootstrap()
    (found,) = bootstrap.intervals([metric], clusters=np.zeros(3, dtype=int))
    assert found.low is None
    assert "fewer than 2 users" in found.note
    (weightless,) = bootstrap.intervals(
        [metric], clusters=np.array([0, 0, 1]), weight=np.array([1.0, 1.0, 0.0])
    )
    assert weightless.low is None


def test_settings_out_of_range_name_the_field() -> None:
    with pytest.raises(ValueError, match="num_resamples is 5"):
        ClusterBootstrap(num_resamples=5)
    with pytest.raises(ValueError, match=r"level is 1\.0"):
        ClusterBootstrap(level=1.0)
