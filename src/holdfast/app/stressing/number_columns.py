"""Numbers with their resamples as columns of tables."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from holdfast.app.stressing.evidence import interval
from holdfast.core.arrays import Floats

CALIBRATION = "/calibration"
POINTS = ("skill", "reference_skill", "lift")


def interval_of(
    values: Floats | None, metric: str, *, level: float
) -> tuple[float | None, float | None, float | None]:
    """Value and ends; of a level as predicted over observed instead of its logarithm."""
    if values is None:
        return None, None, None
    if metric.endswith(CALIBRATION):
        values = np.exp2(np.clip(values, -60.0, 60.0))
    else:
        values = np.clip(values, 0.0, 1.0)
    return interval(values, level=level)


def point_columns(points: tuple[Floats | None, ...] | None, *, level: float) -> dict[str, float | None]:
    """Points; only the metric that says how good an output is has any."""
    found: dict[str, float | None] = {}
    for name, values in zip(POINTS, points or (None, None, None), strict=True):
        value, low, high = (None, None, None) if values is None else interval(values, level=level)
        found |= {name: value, f"{name}_low": low, f"{name}_high": high}
    del found["reference_skill_low"], found["reference_skill_high"]
    return found


def plain_number(value: Any) -> float | None:
    """A number of a table as JSON holds it; None for a missing one."""
    return None if value is None or pd.isna(value) else float(value)
