from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest

from holdfast.evaluation.calibration_tables import COLUMNS, calibration_by_decile


def test_deciles_agree_with_pandas() -> None:
    rng = np.random.default_rng(0)
    predicted = rng.lognormal(size=1000)
    observed = predicted * rng.lognormal(size=1000)
    table = calibration_by_decile(predicted, observed)
    frame = pd.DataFrame({"predicted": predicted, "observed": observed})
    expected = frame.groupby(pd.qcut(predicted, 10, labels=False)).agg(["mean", "sem"])
    assert table.columns.tolist() == COLUMNS
    assert table["bin"].tolist() == list(range(1, 11))
    assert table["n"].tolist() == [100] * 10
    assert table["predicted"].to_numpy() == pytest.approx(expected["predicted", "mean"].to_numpy())
    assert table["observed"].to_numpy() == pytest.approx(expected["observed", "mean"].to_numpy())
    half = (table["high"] - table["low"]).to_numpy() / 2
    assert half == pytest.approx(1.959964 * expected["observed", "sem"].to_numpy(), rel=1e-6)


def test_shares_have_wilson_intervals() -> None:
    rng = np.random.default_rng(1)
    predicted = rng.random(200)
    clicked = (rng.random(200) < predicted).astype(float)
    table = calibration_by_decile(predicted, clicked, num_bins=5, level=0.9)
    for _, row in table.iterrows():
        hits = round(row["observed"] * row["n"])
        expected = binomtest(hits, int(row["n"])).proportion_ci(0.9, method="wilson")
        assert (row["low"], row["high"]) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_repeated_rows_are_weights() -> None:
    rng = np.random.default_rng(2)
    predicted, observed = rng.random(60), rng.random(60)
    times = rng.integers(0, 3, size=60)
    weighted = calibration_by_decile(predicted, observed, times, num_bins=4)
    repeated = calibration_by_decile(np.repeat(predicted, times), np.repeat(observed, times), num_bins=4)
    same = ["bin", "predicted", "observed"]
    pd.testing.assert_frame_equal(weighted[same], repeated[same])
    # Weights say less than independent rows do.
    assert ((weighted["high"] - weighted["low"]) > (repeated["high"] - repeated["low"])).all()


def test_ties_make_fewer_bins_and_no_rows_an_empty_table() -> None:
    table = calibration_by_decile(np.repeat([0.1, 0.6], 50), np.tile([0.0, 1.0], 50))
    assert table["n"].tolist() == [50, 50]
    empty = calibration_by_decile([], [])
    assert empty.empty
    assert empty.columns.tolist() == COLUMNS


def test_one_row_has_no_spread() -> None:
    table = calibration_by_decile([3.0], [5.0])
    assert table["observed"].tolist() == [5.0]
    assert table[["low", "high"]].isna().all(axis=None)
