"""What calibration did is told, and that it did nothing."""

from __future__ import annotations

import numpy as np
import pytest

from holdfast.app.calibration.effect import _compared
from holdfast.evaluation.settings import EvaluationSettings
from holdfast.models.calibration.fitting import HeadRows

SETTINGS = EvaluationSettings(num_resamples=20)
CLICKED = np.array([1.0, 0.0, np.nan, 1.0])


def rows(*predicted: float) -> HeadRows:
    return HeadRows(
        objective="click",
        output="click_probability",
        predicted=np.array(predicted)[:, None],
        observed=CLICKED[:, None],
        weight=np.ones(4),
    )


def test_predictions_that_stayed_as_they_were_are_told_from_others_of_the_same_loss() -> None:
    before = rows(0.8, 0.4, 0.5, 0.6)
    same = _compared(before, before, np.arange(4), SETTINGS)
    swapped = _compared(before, rows(0.6, 0.4, 0.5, 0.8), np.arange(4), SETTINGS)
    assert same is not None and swapped is not None
    assert (same["changed"], swapped["changed"]) == (False, True)
    assert same["change"] == 0.0
    assert swapped["change"] == pytest.approx(0.0, abs=1e-12)
    assert same["num_rows"] == 3


def test_a_row_that_is_not_known_does_not_count_as_a_change() -> None:
    told = _compared(rows(0.8, 0.4, 0.5, 0.6), rows(0.8, 0.4, 0.9, 0.6), np.arange(4), SETTINGS)
    assert told is not None
    assert told["changed"] is False
