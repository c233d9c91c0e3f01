import math

import numpy as np
import pytest

from holdfast.evaluation.off_policy.poisson_bootstrap import poisson_counts, resampled_sums


def test_counts_are_poisson():
    counts = poisson_counts(np.arange(20_000, dtype=np.uint64), num_resamples=50, seed=1)
    assert counts.shape == (20_000, 50)
    assert counts.mean() == pytest.approx(1.0, abs=0.004)
    assert counts.var() == pytest.approx(1.0, abs=0.01)
    for number in range(4):
        chance = math.exp(-1.0) / math.factorial(number)
        assert (counts == number).mean() == pytest.approx(chance, abs=0.003)
    # Neither rows nor resamples go together.
    assert np.abs(np.corrcoef(counts.T) - np.eye(50)).max() < 0.04
    assert abs(np.corrcoef(counts[:-1, 0], counts[1:, 0])[0, 1]) < 0.03


def test_counts_follow_from_the_key():
    keys = np.array([5, 9, 5, 2], dtype=np.uint64)
    counts = poisson_counts(keys, num_resamples=30, seed=3)
    np.testing.assert_array_equal(counts[0], counts[2])
    np.testing.assert_array_equal(counts[::-1], poisson_counts(keys[::-1], num_resamples=30, seed=3))
    assert (counts[0] != counts[1]).any()
    assert (counts != poisson_counts(keys, num_resamples=30, seed=4)).any()


def test_sums_by_hand():
    keys = np.arange(6000, dtype=np.uint64)
    columns = np.random.default_rng(0).normal(size=(3, 6000))
    sums, drawn = resampled_sums(columns, keys, num_resamples=25, seed=0)
    counts = poisson_counts(keys, num_resamples=25, seed=0)
    np.testing.assert_allclose(sums, counts.T @ columns.T, rtol=1e-10)
    np.testing.assert_array_equal(drawn, counts.sum(axis=0))
