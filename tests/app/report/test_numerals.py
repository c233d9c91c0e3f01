from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from holdfast.app.report.numerals import estimate_decimals, interval_decimals, moment, number, percent, size


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


def test_nothing_has_no_sign() -> None:
    assert number(-0.001, decimals=2) == "0.00"
    assert number(-0.006, decimals=2) == "−0.01"


@pytest.mark.parametrize(
    ("estimates", "decimals"),
    [
        ([], None),
        ([(0.0, None, None)], None),
        ([(float("nan"), float("nan"), float("nan"))], None),
        ([(4.22, None, None), (0.858, None, None)], 2),
        ([(184.0, 166.2, 201.8)], 0),
        ([(15.7, 13.7, 17.8), (-6.9, -10.2, -3.5)], 1),
        ([(2.96, 2.918, 3.002), (6.22, 5.68, 6.77)], 2),
        ([(0.7123, 0.698, 0.7264)], 3),
        ([(7.0, 7.0, 7.0)], 0),
        ([(1.1, 1.1 - 1e-15, 1.1 + 1e-15)], 2),
        ([(1e-5, -2e-5, 4e-5)], 4),
    ],
)
def test_numbers_side_by_side_have_the_same_digits(
    estimates: list[tuple[float | None, float | None, float | None]], decimals: int | None
) -> None:
    assert estimate_decimals(estimates) == decimals


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
