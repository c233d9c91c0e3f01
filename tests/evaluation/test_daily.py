from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from holdfast.evaluation.bootstrap import ClusterBootstrap
from holdfast.evaluation.concordance import xauc
from holdfast.evaluation.daily import COLUMNS, click_by_day, dwell_by_day, retention_by_day

BOOTSTRAP = ClusterBootstrap(num_resamples=40)


def value_of(table: pd.DataFrame, day: int, metric: str) -> float:
    row = table[(table["day"] == day) & (table["metric"] == metric)]
    assert len(row) == 1
    return float(row["value"].iloc[0])


def test_each_day_is_measured_on_its_own_known_rows() -> None:
    rng = np.random.default_rng(0)
    days, users = rng.integers(100, 103, size=600), rng.integers(0, 40, size=600)
    probability = rng.random(600)
    click = (rng.random(600) < probability).astype(float)
    known = (days != 102) & (rng.random(600) < 0.9)
    click[~known] = np.nan
    table = click_by_day(probability, click, known, users=users, days=days, bootstrap=BOOTSTRAP)
    assert table.columns.tolist() == COLUMNS
    assert table["day"].unique().tolist() == [100, 101, 102]
    for day in (100, 101):
        rows = known & (days == day)
        expected = roc_auc_score(click[rows], probability[rows])
        assert value_of(table, day, "click/auc") == pytest.approx(expected, abs=1e-12)
        ratio = probability[rows].sum() / click[rows].sum()
        assert value_of(table, day, "click/calibration") == pytest.approx(ratio)
    last = table[table["day"] == 102]
    assert last["value"].isna().all()
    assert last["note"].str.contains("undefined: no rows whose label is known").all()
    assert (last["n"] == 0).all()
    first = table[table["day"] < 102]
    assert (first["low"] < first["value"]).all()
    assert (first["value"] < first["high"]).all()


def test_dwell_by_day() -> None:
    rng = np.random.default_rng(1)
    days = np.repeat([7, 8], 50)
    seconds = rng.lognormal(size=100)
    predicted, event = seconds * rng.lognormal(size=100), rng.random(100) < 0.7
    everything = np.ones(100, dtype=bool)
    table = dwell_by_day(
        predicted, seconds, event, everything, users=np.arange(100), days=days, bootstrap=BOOTSTRAP
    )
    second = days == 8
    expected = xauc(predicted[second], seconds[second], event=event[second])
    assert value_of(table, 8, "dwell/xauc") == pytest.approx(expected)
    assert value_of(table, 8, "dwell/calibration") == pytest.approx(
        predicted[second].sum() / seconds[second].sum()
    )


def test_retention_by_day_counts_user_days_and_only_matured_ones() -> None:
    days = np.array([1, 1, 1, 2, 2, 3])
    table = retention_by_day(
        np.array([[0.2], [0.4], [0.6], [0.5], [0.7], [0.9]]),
        [1, 1, 1, 1, 1, 0],
        [True, True, False, False, True, False],
        [2, 2, 2, 1, 1, 0],
        user_days=np.array([0, 0, 1, 2, 3, 4]),
        users=np.array([10, 10, 11, 10, 11, 10]),
        days=days,
        horizon=1,
        bootstrap=BOOTSTRAP,
    )
    assert table["day"].unique().tolist() == [1, 2]
    assert value_of(table, 1, "retention/d1/calibration") == pytest.approx(0.3 + 0.6)
    assert value_of(table, 1, "retention/d1/auc") == 0.0
    assert value_of(table, 2, "retention/d1/auc") == 1.0
    assert (table["n"] == 2).all()
