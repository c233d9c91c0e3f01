from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from holdfast.app.report.numerals import interval_decimals, moment, number, percent, size


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (float("nan"), "–"),
        (np.float64("nan"), "–"),
        (pd.NA, "–"),
        (float("-inf"), "−∞"),
        (0, "0"),
        (1234567, "1,234,567"),
        (61_204.3, "61,204"),
        (123.45, "123"),
        (24.31, "24.3"),
        (-9.214, "−9.21"),
        (0.71234, "0.712"),
        (0.0081, "0.0081"),
        (4.8e-7, "4.8 × 10⁻⁷"),
        (1e-5, "1 × 10⁻⁵"),
        (np.int64(7), "7"),
    ],
)
def test_numbers_have_about_three_digits(value: Any, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(
    ("low", "high", "decimals"),
    [
        (0.698, 0.726, 3),
        (23.19, 25.43, 1),
        (100.0, 400.0, 0),
        (0.0, 1e-9, 4),
        (None, 1.0, None),
        (1.0, 1.0, None),
    ],
)
def test_the_width_of_an_interval_decides_its_digits(
    low: float | None, high: float | None, decimals: int | None
) -> None:
    assert interval_decimals(low, high) == decimals


def test_shares_moments_and_sizes() -> None:
    assert [percent(value) for value in (0.0, 0.0312, 1.0, None)] == ["0 %", "3.1 %", "100 %", "–"]
    assert moment(pd.Timestamp("2024-03-01", tz="UTC")) == "2024-03-01"
    assert moment("2024-03-01T22:30:00+00:00") == "2024-03-01 22:30"
    assert moment(pd.NaT) == "–"
    assert [size(value) for value in (12, 3_412_331, 7e10)] == ["12 bytes", "3.4 MB", "70.0 GB"]
