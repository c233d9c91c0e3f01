"""What every metric must hold, whatever it measures; a metric joins by being listed."""

from __future__ import annotations

import pickle
from collections.abc import Callable

import numpy as np
import pytest

from holdfast.evaluation.bootstrap import ClusterBootstrap
from holdfast.evaluation.calibration import calibration_ratio, expected_calibration_error
from holdfast.evaluation.concordance import xauc
from holdfast.evaluation.discrimination import grouped_auc, roc_auc
from holdfast.evaluation.dwell_metrics import mean_absolute_error
from holdfast.evaluation.proper_scores import brier_score, log_loss, normalized_entropy
from holdfast.evaluation.ranking_metrics import ranking_metrics
from holdfast.evaluation.slopes import prepare_slope, prepare_slope_of

Columns = dict[str, np.ndarray]
Metric = Callable[[Columns, np.ndarray | None], float | None]


def weights_of(columns: Columns, weight: np.ndarray | None) -> np.ndarray:
    return np.ones(columns["label"].size) if weight is None else weight


def ranking(name: str, columns: Columns, weight: np.ndarray | None) -> float | None:
    found = ranking_metrics(
        columns["probability"],
        {"click": columns["label"], "dwell": columns["dwell"] * columns["label"]},
        requests=columns["group"],
        users=columns["group"],
        cutoffs=[3],
        weight=weight,
        bootstrap=ClusterBootstrap(num_resamples=0),
    )
    return {each.name: each.value for each in found}[name if weight is None else f"{name}/ipw"]


ROW_METRICS: dict[str, Metric] = {
    "roc_auc": lambda c, w: roc_auc(c["probability"], c["label"], weight=w),
    "grouped_auc": lambda c, w: grouped_auc(c["probability"], c["label"], c["group"], weight=w).value,
    "grouped_auc_by_positives": lambda c, w: (
        grouped_auc(c["probability"], c["label"], c["group"], weight=w, group_weight="positives").value
    ),
    "log_loss": lambda c, w: log_loss(c["probability"], c["label"], weight=w),
    "normalized_entropy": lambda c, w: normalized_entropy(c["probability"], c["label"], weight=w),
    "brier_score": lambda c, w: brier_score(c["probability"], c["label"], weight=w),
    "calibration_ratio": lambda c, w: calibration_ratio(c["probability"], c["label"], weight=w),
    "ece_by_mass": lambda c, w: expected_calibration_error(
        c["probability"], c["label"], num_bins=7, weight=w
    ),
    "ece_by_width": lambda c, w: expected_calibration_error(
        c["probability"], c["label"], num_bins=7, weight=w, binning="width"
    ),
    "slope": lambda c, w: prepare_slope(c["probability"], c["label"])(weights_of(c, w)),
    "slope_within": lambda c, w: prepare_slope_of("within", c["probability"], c["label"], 1.0 * c["event"])(
        weights_of(c, w)
    ),
    "mean_absolute_error": lambda c, w: mean_absolute_error(c["seconds"], c["dwell"], weight=w),
    "xauc": lambda c, w: xauc(c["seconds"], c["dwell"], weight=w),
    "xauc_censored": lambda c, w: xauc(c["seconds"], c["dwell"], event=c["event"], weight=w),
}
REQUEST_METRICS: dict[str, Metric] = {
    "ndcg": lambda c, w: ranking("ranking/ndcg_dwell@3", c, w),
    "mrr": lambda c, w: ranking("ranking/mrr", c, w),
}
METRICS = {**ROW_METRICS, **REQUEST_METRICS}


def columns(seed: int, size: int = 120) -> Columns:
    rng = np.random.default_rng(seed)
    probability = np.round(rng.beta(1.0, 3.0, size=size), 1)
    return {
        "probability": probability,
        "label": (rng.random(size) < 0.1 + probability).astype(float),
        "group": rng.integers(0, 30, size=size),
        "seconds": np.round(rng.lognormal(1.0, 1.0, size=size)),
        "dwell": np.round(rng.lognormal(1.0, 1.0, size=size)),
        "event": rng.random(size) < 0.7,
    }


def taken(values: Columns, rows: np.ndarray) -> Columns:
    return {name: column[rows] for name, column in values.items()}


@pytest.fixture(params=range(3))
def data(request: pytest.FixtureRequest) -> Columns:
    return columns(request.param)


@pytest.mark.parametrize("name", METRICS)
def test_order_of_rows_does_not_matter(name: str, data: Columns) -> None:
    rng = np.random.default_rng(9)
    order, weight = rng.permutation(120), rng.integers(1, 5, size=120).astype(float)
    found = METRICS[name](data, weight)
    assert found is not None
    assert METRICS[name](taken(data, order), weight[order]) == pytest.approx(found, abs=1e-12)


@pytest.mark.parametrize("name", METRICS)
def test_equal_weights_are_no_weights(name: str, data: Columns) -> None:
    plain = METRICS[name](data, None)
    assert plain is not None
    assert METRICS[name](data, np.ones(120)) == plain
    assert METRICS[name](data, np.full(120, 0.25)) == pytest.approx(plain, abs=1e-12)


@pytest.mark.parametrize("name", ROW_METRICS)
def test_a_row_twice_is_a_row_of_weight_two(name: str, data: Columns) -> None:
    times = np.random.default_rng(8).integers(0, 4, size=120)
    repeated = ROW_METRICS[name](taken(data, np.repeat(np.arange(120), times)), None)
    assert ROW_METRICS[name](data, times.astype(float)) == pytest.approx(repeated, abs=1e-12)
    assert repeated != pytest.approx(ROW_METRICS[name](data, None), abs=1e-6)


@pytest.mark.parametrize("name", REQUEST_METRICS)
def test_a_request_twice_is_a_request_of_weight_two(name: str, data: Columns) -> None:
    twice = data["group"] % 3 == 0
    again = taken(data, np.flatnonzero(twice))
    again["group"] = again["group"] + 1000
    repeated = {key: np.concatenate([data[key], again[key]]) for key in data}
    found = REQUEST_METRICS[name](data, 1.0 + twice)
    assert found == pytest.approx(REQUEST_METRICS[name](repeated, None), abs=1e-12)
    assert found != pytest.approx(REQUEST_METRICS[name](data, None), abs=1e-6)


@pytest.mark.parametrize("name", METRICS)
def test_no_rows_have_no_value(name: str) -> None:
    assert METRICS[name](columns(0, size=0), None) is None
    assert METRICS[name](columns(0), np.zeros(120)) is None


@pytest.mark.parametrize("name", METRICS)
def test_single_precision_gives_nearly_the_same(name: str, data: Columns) -> None:
    single = {
        key: value.astype(np.float32) if value.dtype == np.float64 else value for key, value in data.items()
    }
    assert METRICS[name](single, None) == pytest.approx(METRICS[name](data, None), abs=1e-5)


@pytest.mark.parametrize("name", METRICS)
def test_inputs_stay_as_they_are(name: str, data: Columns) -> None:
    before = pickle.dumps(data)
    METRICS[name](data, np.ones(120))
    assert pickle.dumps(data) == before
