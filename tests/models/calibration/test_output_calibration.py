from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from holdfast.core.batch import Inputs
from holdfast.core.features import InputSchema
from holdfast.models.calibration.fitted_map import FittedMap
from holdfast.models.calibration.fitting import HeadRows, fit_calibration, returned_within
from holdfast.models.calibration.output_calibration import (
    HeadMaps,
    OutputCalibration,
    calibration_from_dict,
)
from holdfast.models.calibration.settings import CalibrationSettings

SCHEMA = InputSchema(
    categorical=("item", "market"),
    numeric=(),
    vocabulary_of={"item": "item", "market": "market"},
    num_rows={"item": 9, "market": 5},
)


def times(factor: float) -> FittedMap:
    return FittedMap("scale", parameters=((float(np.log(factor)),),))


def inputs(content=(60.0, 60.0), market=(2, 3)) -> Inputs:
    categorical = torch.tensor([[5, each] for each in market], dtype=torch.int32)
    return Inputs(categorical, torch.zeros(2, 0), (), torch.tensor(content))


def test_days_never_fall_and_the_day_that_ranks_is_left_alone():
    maps = (times(1.0), times(2.0), times(1.0))
    calibration = OutputCalibration((HeadMaps("retention", "return_probability", maps),))
    by_day = torch.tensor([[0.1, 0.2, 0.6], [0.2, 0.4, 0.5]])
    outputs = {
        "return_probability": by_day[:, -1],
        "return_by_day": by_day,
        "return_hazard": torch.zeros(2, 3),
        "ever_return_probability": torch.tensor([0.7, 0.8]),
    }
    found = calibration(outputs, inputs())
    torch.testing.assert_close(found["return_by_day"], torch.tensor([[0.1, 0.4, 0.6], [0.2, 0.5, 0.5]]))
    torch.testing.assert_close(found["return_probability"], torch.tensor([0.6, 0.5]))
    # A parameter of the head's distribution, and it would follow from chances near 1 without digits.
    torch.testing.assert_close(found["return_hazard"], torch.zeros(2, 3))
    assert list(found) == list(outputs)
    torch.testing.assert_close(found["ever_return_probability"], outputs["ever_return_probability"])
    torch.testing.assert_close(by_day[0], torch.tensor([0.1, 0.2, 0.6]))


def test_a_head_without_days_has_one_map():
    calibration = OutputCalibration((HeadMaps("retention", "return_probability", (times(0.5),)),))
    found = calibration({"return_probability": torch.tensor([0.4, 0.8])}, inputs())
    torch.testing.assert_close(found["return_probability"], torch.tensor([0.2, 0.4]))


def test_seconds_end_with_the_content_and_those_over_all_rows_follow():
    calibration = OutputCalibration((HeadMaps("dwell", "dwell_seconds", (times(2.0),)),))
    outputs = {
        "dwell_seconds": torch.tensor([20.0, 40.0]),
        "dwell_open_probability": torch.tensor([0.5, 0.1]),
        "dwell_impression_seconds": torch.tensor([10.0, 4.0]),
        "dwell_log_mean": torch.tensor([1.0, 2.0]),
    }
    found = calibration(outputs, inputs())
    torch.testing.assert_close(found["dwell_seconds"], torch.tensor([40.0, 60.0]))
    torch.testing.assert_close(found["dwell_impression_seconds"], torch.tensor([20.0, 6.0]))
    torch.testing.assert_close(found["dwell_log_mean"], outputs["dwell_log_mean"])


def test_slices_are_looked_up_in_the_inputs():
    by_market = FittedMap("scale", parameters=((0.0,), (float(np.log(3.0)),)), slices=(3,))
    calibration = OutputCalibration((HeadMaps("click", "click_probability", (by_market,)),), "market", 1)
    found = calibration({"click_probability": torch.tensor([0.1, 0.1])}, inputs())
    torch.testing.assert_close(found["click_probability"], torch.tensor([0.1, 0.3]))


def test_it_survives_json():
    fitted = FittedMap("isotonic", ((0.0, 0.5, 1.0), (0.0, 0.2, 1.0)), (0.0, 0.3, 1.0), (4,), 70, "")
    made = OutputCalibration((HeadMaps("click", "click_probability", (fitted,)),), "market", 1)
    assert calibration_from_dict(json.loads(json.dumps(made.to_dict()))) == made


def test_returns_are_known_only_where_the_days_were_watched():
    # Back on day 2; never back in 3 days; back on day 1, but only 1 day was watched.
    found = returned_within(
        np.array([2.0, 3.0, 1.0]), np.array([True, False, True]), np.array([3, 3, 1]), num_days=3
    )
    nan = np.nan
    np.testing.assert_array_equal(found, [[0, 1, 1], [0, 0, 0], [1, nan, nan]])


def head_rows(objective: str, num_rows: int = 200) -> HeadRows:
    random = np.random.default_rng(0)
    predicted = random.uniform(0.05, 0.5, (num_rows, 1))
    observed = (random.random((num_rows, 1)) < predicted).astype(float)
    return HeadRows(
        objective=objective,
        output=f"{objective}_output",
        predicted=predicted,
        observed=observed,
        weight=np.ones(num_rows),
    )


def fit(settings: CalibrationSettings, *rows: HeadRows) -> OutputCalibration:
    categorical = np.full((200, 2), 2, dtype=np.int32)
    return fit_calibration(settings, rows, categorical=categorical, schema=SCHEMA)


def test_only_what_was_asked_for_is_fitted():
    made = fit(CalibrationSettings(click="beta"), head_rows("click"), head_rows("retention"))
    assert [(each.objective, each.output) for each in made.heads] == [("click", "click_output")]
    assert made.heads[0].maps[0].kind == "beta"
    assert fit(CalibrationSettings(), head_rows("click")).heads == ()


def test_the_slice_is_found_among_the_inputs():
    made = fit(CalibrationSettings(click="temperature", slice="market"), head_rows("click"))
    assert (made.slice, made.place) == ("market", 1)
    assert made.heads[0].maps[0].slices == (2,)
    with pytest.raises(ValueError, match=r"slice: 'country' is no categorical input .* \['item', 'market'\]"):
        fit(CalibrationSettings(click="temperature", slice="country"), head_rows("click"))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (
            {"click": "platt"},
            r"click is 'platt'; choose one of \['none', 'temperature', 'isotonic', 'beta'\]",
        ),
        ({"dwell": "temperature"}, r"dwell is 'temperature'; choose one of \['none', 'scale', 'isotonic'\]"),
        ({"shrinkage_rows": -1.0}, r"shrinkage_rows is -1\.0"),
    ],
)
def test_bad_settings(values, said):
    with pytest.raises(ValueError, match=said):
        CalibrationSettings(**values)
