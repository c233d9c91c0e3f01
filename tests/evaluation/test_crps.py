from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from holdfast.evaluation.crps import censored_log_score, crps_moments


def test_a_certain_prediction_scores_its_distance() -> None:
    observed, said, limit = np.array([5.0, 40.0, 12.0]), np.array([8.0, 30.0, 12.0]), np.full(3, 100.0)
    moments = crps_moments(observed, limit)
    score = moments.score((moments.seconds < said[:, None]).astype(np.float64))
    # A step between nodes costs precision.
    np.testing.assert_allclose(score, [3.0, 10.0, 0.0], atol=1.5)


@pytest.mark.parametrize("observed", [0.0, 2.0, 25.0, 300.0])
def test_the_exponential_has_a_closed_form(observed: float) -> None:
    moments = crps_moments([observed], [20_000.0])
    found = moments.score(np.exp(-moments.seconds / 20.0))
    expected = observed - 40.0 * (1.0 - math.exp(-observed / 20.0)) + 10.0
    assert found[0] == pytest.approx(expected, rel=1e-4)


def test_the_log_normal_agrees_with_sampling() -> None:
    law, rng = stats.lognorm(0.8, scale=15.0), np.random.default_rng(0)
    one, other = law.rvs(400_000, random_state=rng), law.rvs(400_000, random_state=rng)
    cap = 60.0
    for observed in (3.0, 25.0, 60.0):
        moments = crps_moments([observed], [cap])
        found = moments.score(law.sf(moments.seconds))[0]
        first, second = np.minimum(one, cap), np.minimum(other, cap)
        expected = np.abs(first - observed).mean() - 0.5 * np.abs(first - second).mean()
        assert found == pytest.approx(expected, abs=0.05)


def test_nothing_beyond_the_limit_counts() -> None:
    short, long = crps_moments([80.0], [30.0]), crps_moments([30.0], [30.0])
    assert short.score(np.exp(-short.seconds / 20.0)) == pytest.approx(
        long.score(np.exp(-long.seconds / 20.0))
    )
    # Sure to reach the end, and it did.
    assert short.score(np.ones_like(short.seconds))[0] == 0.0


def test_honesty_scores_best() -> None:
    rng = np.random.default_rng(1)
    seen = rng.exponential(20.0, 20_000)
    limit = rng.uniform(5.0, 60.0, 20_000)
    moments = crps_moments(np.minimum(seen, limit), limit)
    scores = {mean: moments.score(np.exp(-moments.seconds / mean)).mean() for mean in (14.0, 20.0, 28.0)}
    assert min(scores, key=scores.__getitem__) == 20.0


def test_log_score_by_hand() -> None:
    scores = censored_log_score([-1.5, -9.0, -1e9], [0.2, 0.2, 0.2], [False, True, False])
    assert scores.tolist() == pytest.approx([1.5, -math.log(0.2), -math.log(1e-12)])
    assert censored_log_score([0.0], [0.0], [True])[0] == pytest.approx(-math.log(1e-12))


def test_no_rows_and_bad_rows() -> None:
    moments = crps_moments(np.zeros(0), np.zeros(0))
    assert moments.score(np.zeros(moments.seconds.shape)).shape == (0,)
    for observed, limit in (([-1.0], [3.0]), ([1.0], [0.0]), ([1.0], [math.inf]), ([math.nan], [1.0])):
        with pytest.raises(ValueError, match=r"observed|limit"):
            crps_moments(observed, limit)
