import numpy as np
import pandas as pd
import pytest

from holdfast.monitoring.frame_detectors import ClassifierTwoSample, MaximumMeanDiscrepancy, mmd_test
from holdfast.monitoring.reference import Reference


def _frame(num_rows, *, seed, correlation=0.0, shift=0.0):
    draws = np.random.default_rng(seed)
    x = draws.normal(shift, 1, num_rows)
    y = correlation * x + np.sqrt(1 - correlation**2) * draws.normal(size=num_rows)
    return pd.DataFrame({"x": x, "y": y, "word": draws.choice(list("abc"), num_rows)})


@pytest.mark.parametrize(
    "detector", [ClassifierTwoSample(num_rows=300), MaximumMeanDiscrepancy(num_rows=100)]
)
def test_a_shift_is_found_and_no_shift_is_not(detector):
    reference = Reference.from_frame(_frame(400, seed=0))
    found = detector.test(reference, _frame(400, seed=1, shift=1.0))
    assert found.p_value < 0.01
    assert found.severity in ("moderate", "large")
    p = [
        detector.test(Reference.from_frame(_frame(100, seed=i)), _frame(100, seed=100 + i)).p_value
        for i in range(20)
    ]
    # 20 draws at 5 %: at most 5 in 99.97 % of the cases.
    assert sum(value < 0.05 for value in p) <= 5


def test_mmd_is_its_definition():
    draws = np.random.default_rng(0)
    before, now = draws.normal(size=(7, 2)), draws.normal(1, 1, size=(5, 2))
    rows = np.concatenate([before, now])
    apart = ((rows[:, None] - rows[None]) ** 2).sum(axis=2)
    kernel = np.exp(-apart / np.median(apart[np.triu_indices(12, 1)]))
    expected = (kernel[:7, :7].sum() - 7) / 42 + (kernel[7:, 7:].sum() - 5) / 20 - 2 * kernel[:7, 7:].mean()
    got, p_value = mmd_test(rows, np.arange(12) >= 7, num_permutations=19)
    assert got == pytest.approx(expected, abs=1e-12)
    assert 0 < p_value <= 1


def test_too_few_rows_and_bad_settings():
    reference = Reference.from_frame(_frame(100, seed=0))
    found = ClassifierTwoSample().test(reference, _frame(3, seed=1))
    assert found.p_value is None
    assert "too few rows" in found.note
    with pytest.raises(ValueError, match="num_folds 2 or more"):
        ClassifierTwoSample(num_folds=1)
    with pytest.raises(ValueError, match="num_permutations 19 or more"):
        MaximumMeanDiscrepancy(num_permutations=3)
