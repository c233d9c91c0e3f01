from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from holdfast.app.calibration.after_training import Calibrated
from holdfast.app.calibration.front_of_run import in_sample
from holdfast.app.calibration.judged_rows import PREDICTED_RETURNS, head_rows, scored_rows
from holdfast.core.features import Feature
from holdfast.data.encoded import EncodedWindow
from holdfast.data.encoder import EncoderSettings, fit_encoder
from holdfast.models.calibration.fitted_map import FittedMap
from holdfast.models.calibration.output_calibration import HeadMaps, OutputCalibration
from holdfast.models.heads.bernoulli import Bernoulli
from holdfast.models.heads.bernoulli_horizon import BernoulliHorizon
from holdfast.models.heads.censored_log_normal import CensoredLogNormal
from holdfast.models.heads.discrete_hazard import DiscreteHazard
from holdfast.models.heads.zero_inflated_log_normal import ZeroInflatedLogNormal
from holdfast.objectives.fusion import WeightedSum

NAN = math.nan
HEADS = {"click": Bernoulli(), "dwell": CensoredLogNormal(), "retention": DiscreteHazard(horizon_days=2)}


def window() -> EncodedWindow:
    """Four rows: opened for 30 s, not opened, opened for nobody knows how long, click not known."""
    zeros = np.zeros(4, dtype=np.int64)
    known = np.array([[1, 1, 1], [1, 0, 1], [1, 0, 1], [0, 0, 0]], dtype=bool)
    value = np.array([[1, 30, 2], [0, 0, 2], [1, 0, 1], [0, 0, 0]], dtype=np.float32)
    return EncodedWindow(
        name="validation",
        objectives=("click", "dwell", "retention"),
        categorical=np.array([[2], [3], [2], [0]], dtype=np.int32),
        numeric=np.zeros((4, 0), dtype=np.float32),
        lists=(),
        content_seconds=np.array([60, 60, 60, np.inf], dtype=np.float32),
        value=np.where(known, value, NAN).astype(np.float32),
        event=np.array([[1, 1, 1], [1, 1, 0], [1, 1, 1], [0, 0, 0]], dtype=bool),
        known=known,
        spread=np.array([[1, 1, 0.5], [1, 1, 0.5], [1, 1, 1], [1, 1, 1]], dtype=np.float32),
        propensity=np.full(4, NAN),
        request=np.array([0, 0, 1, 1]),
        user=zeros,
        user_day=zeros,
        day=zeros,
        slot=zeros,
        follow_up_days=np.array([2, 2, 1, 0]),
        recency_days=zeros.astype(np.float32),
        active_days_7=zeros.astype(np.float32),
        policy=zeros,
        item=zeros,
    )


def outputs() -> dict[str, np.ndarray]:
    by_day = np.array([[0.1, 0.2], [0.3, 0.4], [0.5, 0.6], [0.7, 0.8]], dtype=np.float32)
    return {
        "click_probability": np.array([0.1, 0.2, 0.3, 0.4], dtype=np.float32),
        "dwell_seconds": np.array([10, 20, 30, 40], dtype=np.float32),
        "return_probability": by_day[:, -1],
        "return_by_day": by_day,
    }


def test_predictions_stand_beside_what_is_known_of_them():
    click, dwell, back = head_rows(window(), outputs(), HEADS, horizon_days=7)
    np.testing.assert_array_equal(click.observed[:, 0], [1, 0, 1, NAN])
    np.testing.assert_array_equal(dwell.observed[:, 0], [30, NAN, NAN, NAN])
    np.testing.assert_array_equal(dwell.content_seconds, [60, 60, 60, np.inf])
    assert click.content_seconds is None
    # Back on day 2; not back in 2 days; back on day 1, of which only one was watched; nothing known.
    np.testing.assert_array_equal(back.observed, [[0, 1], [0, 0], [1, NAN], [NAN, NAN]])
    np.testing.assert_allclose(back.weight, [0.5, 0.5, 1, 1])
    assert back.output == "return_probability"


def test_a_head_of_one_horizon_is_held_against_that_horizon():
    told = {name: each for name, each in outputs().items() if name != "return_by_day"}
    heads = {**HEADS, "retention": BernoulliHorizon(horizon_days=1)}
    *_, back = head_rows(window(), told, heads, horizon_days=7)
    np.testing.assert_array_equal(back.observed[:, 0], [0, 0, 1, NAN])


def test_seconds_over_all_rows_are_calibrated_on_the_stays():
    made = window()
    made.known[1, 1], made.value[1, 1] = True, 0.0
    heads = {**HEADS, "dwell": ZeroInflatedLogNormal()}
    _, dwell, _ = head_rows(made, outputs(), heads, horizon_days=7)
    np.testing.assert_array_equal(dwell.observed[:, 0], [30, NAN, NAN, NAN])


@pytest.fixture
def encoder():
    import pandas as pd

    features = (Feature(name="market", kind="categorical", owner="user"),)
    return fit_encoder(pd.DataFrame({"market": ["a", "a", "b"]}), features, EncoderSettings(min_count=1))


def test_gains_are_in_the_outcomes_own_units(encoder):
    rows = scored_rows(window(), outputs(), HEADS, encoder, weights={}, named="market")
    np.testing.assert_array_equal(rows.gains["click"], [1, 0, 1, NAN])
    # Not opened is worth 0 seconds; opened for nobody knows how long is not known.
    np.testing.assert_array_equal(rows.gains["dwell"], [30, 0, NAN, NAN])
    np.testing.assert_allclose(rows.gains["retention"], [0.2, 0.4, 0.6, 0.8])
    assert rows.notes == (PREDICTED_RETURNS,)
    assert rows.value_names == {"market": {2: "a", 3: "b"}}


def test_what_happened_is_weighted_and_what_is_predicted_is_not(encoder):
    weights = {"click": np.array([2.0, 1.0, 3.0, 1.0]), "retention": np.full(4, 5.0)}
    rows = scored_rows(window(), outputs(), HEADS, encoder, weights=weights)
    np.testing.assert_array_equal(rows.gains["click"], [2, 0, 3, NAN])
    np.testing.assert_array_equal(rows.gains["dwell"], [30, 0, NAN, NAN])
    np.testing.assert_allclose(rows.gains["retention"], [0.2, 0.4, 0.6, 0.8])
    assert rows.notes[-1] == "gains of click are weighted by propensities, as losses are"


def test_columns_of_other_lengths_are_refused(encoder):
    rows = scored_rows(window(), outputs(), HEADS, encoder, weights={})
    with pytest.raises(ValueError, match=r"have \[3, 4\] rows; they must agree"):
        replace(rows, user=np.zeros(3, dtype=np.int64))
    with pytest.raises(ValueError, match="scores are of"):
        replace(rows, gains={"click": rows.gains["click"]})
    with pytest.raises(ValueError, match=r"'age' is no categorical input of this model; it has \['market'\]"):
        rows.column("age")


def test_only_metrics_of_what_was_fitted_on_validation_are_in_sample():
    entry = {"value": 0.5, "note": "few rows"}
    names = ("validation/click/auc", "validation/dwell/xauc", "validation/ranking/mrr", "test/click/auc")
    maps = OutputCalibration((HeadMaps("click", "click_probability", (FittedMap("identity"),)),))
    told = in_sample(dict.fromkeys(names, entry), Calibrated(maps, WeightedSum(), {}))
    assert [name for name in names if "in-sample" in told[name]["note"]] == [names[0], names[2]]
    assert told[names[0]]["note"].startswith("few rows; in-sample")
    plain = in_sample(dict.fromkeys(names, entry), Calibrated(None, WeightedSum(), {}))
    assert all(each["note"] == "few rows" for each in plain.values())
