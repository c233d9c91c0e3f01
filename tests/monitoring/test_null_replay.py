import numpy as np
import pandas as pd
import pytest

from holdfast.monitoring.finding import Finding
from holdfast.monitoring.null_replay import StableSignals, null_replay, p_value_matrix


def test_uniform_p_values_realise_the_rate_and_small_ones_do_not():
    rng = np.random.default_rng(0)
    table = null_replay(lambda _: rng.random((20, 10)), num_replays=100, controls=("none", "bh", "holm"))
    assert (table["low"] <= 0.05).all()
    assert (table["high"] >= 0.05).all()
    wrong = null_replay(lambda _: rng.random((20, 10)) ** 2, num_replays=100, controls=("holm", "sequential"))
    assert (wrong["low"] > 0.05).all()


def test_counts_by_hand():
    # One of two windows alarms in the first replay, none in the second.
    replays = [np.array([[0.01, 0.9], [0.9, 0.9]]), np.array([[0.9, 0.9], [0.9, np.nan]])]
    table = null_replay(replays.__getitem__, num_replays=2, controls=("none", "holm", "sequential"))
    assert table["realised"].tolist() == pytest.approx([0.125, 0.25, 0.5])


def test_signals_are_as_described():
    values = StableSignals(num_windows=5000, memory=0.6, season=2.0, num_signals=3).draw(0)
    week = values[:4998].reshape(-1, 7, 3)
    noise = (week - week.mean(axis=0)).reshape(-1, 3)
    assert noise.std() == pytest.approx(1.0, abs=0.06)
    assert np.corrcoef(noise[1:, 0], noise[:-1, 0])[0, 1] == pytest.approx(0.6, abs=0.05)
    assert week.mean(axis=0).max() == pytest.approx(2.0, abs=0.2)
    with pytest.raises(ValueError, match="memory is 1"):
        StableSignals(memory=1.0)


def test_matrix_of_findings():
    days = [pd.Timestamp("2025-01-06"), pd.Timestamp("2025-01-07")]
    findings = [
        Finding(where="b", kind="k", start=days[1], p_value=0.2),
        Finding(where="a", kind="k", start=days[0]),
    ]
    matrix = p_value_matrix(findings)
    assert matrix.shape == (2, 2)
    assert matrix[1, 1] == 0.2
    assert np.isnan(matrix).sum() == 3
    with pytest.raises(ValueError, match="at least 2"):
        null_replay(lambda _: matrix, num_replays=1)
