import numpy as np
import pytest

from holdfast.evaluation.brier_decomposition import brier_decomposition
from holdfast.evaluation.proper_scores import brier_score


def test_by_hand():
    # Two bins of two rows: predictions .2 and .6, outcomes (0, 0) and (1, 0).
    found = brier_decomposition([0.2, 0.2, 0.6, 0.6], [0, 0, 1, 0], num_bins=2, corrected=False)
    assert found is not None
    assert found.reliability == pytest.approx((0.2**2 + 0.1**2) / 2)
    assert found.resolution == pytest.approx((0.25**2 + 0.25**2) / 2)
    assert found.uncertainty == pytest.approx(0.25 * 0.75)
    assert found.within_bins == pytest.approx(0.0)
    assert found.brier == pytest.approx((0.04 + 0.04 + 0.16 + 0.36) / 4)


@pytest.mark.parametrize("corrected", [True, False])
@pytest.mark.parametrize("binning", ["mass", "width"])
def test_parts_sum_to_the_score(corrected, binning):
    rng = np.random.default_rng(3)
    p = rng.random(501)
    y = rng.random(501) < p**2
    found = brier_decomposition(p, y, num_bins=7, binning=binning, corrected=corrected)
    assert found is not None
    whole = found.reliability - found.resolution + found.uncertainty + found.within_bins
    assert whole == pytest.approx(brier_score(p, y), abs=1e-12)


def test_correction_takes_the_bias_off():
    rng = np.random.default_rng(0)
    raw, corrected = [], []
    for _ in range(2000):
        p = np.repeat([0.1, 0.3, 0.5], 20)
        y = rng.random(60) < p
        raw.append(brier_decomposition(p, y, num_bins=3, corrected=False))
        corrected.append(brier_decomposition(p, y, num_bins=3, corrected=True))
    mean_true = np.mean([0.1, 0.3, 0.5])
    resolution = np.mean((np.array([0.1, 0.3, 0.5]) - mean_true) ** 2)
    assert np.mean([each.reliability for each in raw]) > 0.006
    assert np.mean([each.reliability for each in corrected]) == pytest.approx(0.0, abs=0.0008)
    assert np.mean([each.resolution for each in corrected]) == pytest.approx(resolution, abs=0.0015)
    # The bins are a part of the design here, so that the base rate varies less than for independent rows.
    assert np.mean([each.uncertainty for each in corrected]) == pytest.approx(
        mean_true * (1 - mean_true), abs=0.0015
    )


def test_few_rows():
    assert brier_decomposition([], []) is None
    one = brier_decomposition([0.3], [1])
    assert one is not None
    assert one.reliability == pytest.approx(0.49)
    assert one.resolution == 0.0
    assert one.uncertainty == 0.0
