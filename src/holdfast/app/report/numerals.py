"""Numbers, moments and sizes as a reader wants to see them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import pandas as pd

NOTHING = "–"
_MOST_DECIMALS = 4
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def number(value: Any, *, decimals: int | None = None) -> str:
    """A number with sensible digits: whole ones with thousands separated, others with about three digits."""
    if value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)):
        return NOTHING
    value = float(value)
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if decimals is None:
        decimals = _decimals_for(value)
    if decimals is None:
        return _power_of_ten(value)
    return _minus(f"{value:z,.{decimals}f}")


def _decimals_for(value: float) -> int | None:
    """Decimals that leave about three digits; None where only powers of ten can."""
    size = abs(value)
    if value == int(value) and size < 1e15:
        return 0
    if size < 1e-3:
        return None
    return min(_MOST_DECIMALS, max(0, 2 - math.floor(math.log10(size))))


def estimate_decimals(
    estimates: Iterable[tuple[float | None, float | None, float | None]],
) -> int | None:
    """Decimals for numbers that are read side by side: three digits of the largest, two of the widest.

    Args:
        estimates: value, low and high of each; None or NaN where there is none.

    Returns:
        None where all are 0, or too small for decimals.
    """
    sizes: list[float] = []
    widths: list[int] = []
    for value, low, high in estimates:
        known = [abs(each) for each in (value, low, high) if each is not None and math.isfinite(each)]
        sizes += known
        decimals = interval_decimals(low, high)
        # A width of rounding errors is no width.
        if decimals is not None and low is not None and high is not None and high - low > 1e-9 * max(known):
            widths.append(decimals)
    largest = max(sizes, default=0.0)
    if largest < 1e-3:
        return min(widths, default=None)
    digits = min(_MOST_DECIMALS, max(0, 2 - math.floor(math.log10(largest))))
    if all(size == int(size) for size in sizes):
        digits = 0
    return max(digits, min(widths, default=0))


def interval_decimals(low: float | None, high: float | None) -> int | None:
    """Decimals that show the width of an interval with two digits; None where there is no width."""
    if low is None or high is None or not high > low:
        return None
    return max(0, min(_MOST_DECIMALS, 1 - math.floor(math.log10(high - low))))


def percent(value: Any) -> str:
    """A share as a percentage."""
    if value is None or pd.isna(value):
        return NOTHING
    shown = 100 * float(value)
    return f"{shown:.0f} %" if shown in (0.0, 100.0) else f"{shown:.1f} %"


def moment(value: Any) -> str:
    """A moment to the minute; midnight as a date alone."""
    if value is None or pd.isna(value):
        return NOTHING
    stamp = pd.Timestamp(value)
    return stamp.strftime("%Y-%m-%d" if stamp == stamp.normalize() else "%Y-%m-%d %H:%M")


def size(num_bytes: Any) -> str:
    """Bytes in the unit that suits them."""
    amount = float(num_bytes)
    for unit in ("bytes", "kB", "MB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "bytes" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} GB"


def _power_of_ten(value: float) -> str:
    """``4.8e-07`` as ``4.8 × 10⁻⁷``."""
    factor, exponent = f"{value:.1e}".split("e")
    raised = str(int(exponent)).translate(_RAISED)
    return _minus(f"{factor.removesuffix('.0')} × 10{raised}")


def _minus(text: str) -> str:
    """With a true minus sign, which is as wide as a digit."""
    return text.replace("-", "−")
