from __future__ import annotations

import numpy as np
import pytest

from holdfast.evaluation.bootstrap import ClusterBootstrap
from holdfast.evaluation.dwell_metrics import all_rows_dwell_metrics, dwell_metrics

BOOTSTRAP = ClusterBootstrap(num_resamples=20)
USERS = np.array([0, 0, 1, 1, 2])


def test_scores_of_the_distribution_are_means_over_known_rows() -> None:
    known = np.array([True, True, False, True, False])
    crps = np.array([1.0, 2.0, np.nan, 6.0, np.nan])
    found = dwell_metrics(
        np.full(5, 9.0),
        np.array([8.0, 11.0, np.nan, 9.0, np.nan]),
        np.ones(5, dtype=bool),
        known,
        users=USERS,
        crps_seconds=crps,
        log_score=-crps,
        weight=np.array([1.0, 1.0, 5.0, 2.0, 5.0]),
        bootstrap=BOOTSTRAP,
    )
    by_name = {each.name: each for each in found}
    assert by_name["dwell/crps_seconds"].value == pytest.approx(3.0)
    assert by_name["dwell/log_score"].value == pytest.approx(-3.0)
    assert by_name["dwell/crps_seconds/ipw"].value == pytest.approx(15.0 / 4.0)
    assert by_name["dwell/crps_seconds"].n == 3


def test_without_scores_there_is_no_such_metric() -> None:
    found = dwell_metrics(
        np.ones(5), np.ones(5), np.ones(5, bool), np.ones(5, bool), users=USERS, bootstrap=BOOTSTRAP
    )
    assert [each.name for each in found] == ["dwell/mae_seconds", "dwell/xauc", "dwell/calibration"]


def test_all_rows_by_hand() -> None:
    found = all_rows_dwell_metrics(
        np.array([1.0, 4.0, 2.0, 0.5, 100.0]),
        np.array([0.0, 10.0, 0.0, 5.0, np.nan]),
        np.array([True, False, True, True, True]),
        np.array([True, True, True, True, False]),
        users=USERS,
        crps_seconds=np.array([1.0, 2.0, 3.0, 2.0, np.nan]),
        weight=np.array([1.0, 1.0, 1.0, 3.0, 1.0]),
        bootstrap=BOOTSTRAP,
    )
    by_name = {each.name: each for each in found}
    assert by_name["dwell/all_rows/mae_seconds"].value == pytest.approx((1.0 + 6.0 + 2.0 + 4.5) / 4.0)
    assert by_name["dwell/all_rows/calibration"].value == pytest.approx(7.5 / 15.0)
    assert by_name["dwell/all_rows/crps_seconds"].value == pytest.approx(2.0)
    assert by_name["dwell/all_rows/crps_seconds/ipw"].value == pytest.approx(12.0 / 6.0)
    # Pairs: 0 or 0 below 10, right; 0 or 0 below 5, wrong; 5 below 10, right. The two zeros are no pair.
    assert by_name["dwell/all_rows/xauc"].value == pytest.approx(3.0 / 5.0)
    assert by_name["dwell/all_rows/xauc"].low is None
    assert "2 of 4 rows were opened" in by_name["dwell/all_rows/mae_seconds"].note


def test_no_rows_are_undefined_and_say_why() -> None:
    nothing = np.zeros(5, dtype=bool)
    found = all_rows_dwell_metrics(
        np.ones(5), np.full(5, np.nan), nothing, nothing, users=USERS, bootstrap=BOOTSTRAP
    )
    assert all(each.value is None and "undefined" in each.note for each in found)
