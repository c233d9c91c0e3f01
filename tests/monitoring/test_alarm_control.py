import numpy as np
import pytest
from scipy.stats import false_discovery_control

from holdfast.monitoring.alarm_control import adjusted_p_values, raised, window_rate


def test_benjamini_hochberg_is_scipys():
    p = np.random.default_rng(0).random(50) ** 2
    assert adjusted_p_values(p, control="bh") == pytest.approx(false_discovery_control(p))


def test_holm_by_hand():
    # Holm (1979): .01 x 4, .02 x 3, .03 x 2, then no smaller than before.
    found = adjusted_p_values([0.04, 0.01, 0.03, 0.02], control="holm")
    assert found == pytest.approx([0.06, 0.04, 0.06, 0.06])


def test_unknown_ones_do_not_count():
    found = adjusted_p_values([0.01, np.nan, 0.02], control="holm")
    assert found[[0, 2]] == pytest.approx([0.02, 0.02])
    assert np.isnan(found[1])
    assert not raised([np.nan, np.nan], rate=0.05, control="bh").any()
    assert raised([], rate=0.05, control="bh").size == 0


def test_spending_sums_to_the_rate_and_bounds_ever():
    parts = [window_rate(0.05, control="sequential", number=t) for t in range(1, 100_000)]
    assert sum(parts) == pytest.approx(0.05, abs=1e-6)
    rng = np.random.default_rng(1)
    ever = 0
    for _ in range(1000):
        p = rng.random((30, 10))
        ever += any(
            raised(row, rate=0.2, control="sequential", number=t + 1).any() for t, row in enumerate(p)
        )
    assert 0.14 <= ever / 1000 <= 0.23


def test_bad_arguments():
    with pytest.raises(ValueError, match="rate is 0"):
        raised([0.1], rate=0, control="bh")
    with pytest.raises(ValueError, match="choose one of"):
        adjusted_p_values([0.1], control="fdr")
    with pytest.raises(ValueError, match="outside"):
        adjusted_p_values([1.1], control="bh")
    with pytest.raises(ValueError, match="counted from 1"):
        window_rate(0.05, control="bh", number=0)
