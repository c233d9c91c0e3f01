"""Rows small enough to follow by hand, and many alike for shares."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from holdfast.core.features import Feature
from holdfast.data.card import DatasetCard
from holdfast.drift.rows import DriftRows, drift_rows

START = pd.Timestamp("2025-03-03", tz="UTC")  # a Monday
FEATURES = {
    "user_id": ("categorical", "user"),
    "item_id": ("categorical", "item"),
    "market": ("categorical", "user"),
    "device": ("categorical", "context"),
    "topic": ("categorical", "item"),
    "price": ("numeric", "item"),
    "size": ("numeric", "item"),
    "age": ("numeric", "user"),
    "seen": ("sequence", "user"),
    "user_impressions_1d": ("numeric", "user"),
    "user_click_rate_1d": ("numeric", "user"),
    "user_dwell_mean_1d": ("numeric", "user"),
    "user_days_since_active": ("numeric", "user"),
    "user_active_days_7": ("numeric", "user"),
    "item_clicks_7d": ("numeric", "item"),
}


def features_of(frame: pd.DataFrame) -> tuple[Feature, ...]:
    return tuple(
        Feature(name=name, kind=kind, owner=owner)  # type: ignore[arg-type]
        for name, (kind, owner) in FEATURES.items()
        if name in frame
    )


@pytest.fixture
def table() -> Callable[..., DriftRows]:
    def make(*, propensity_of: Any = "item_in_slot", time_zone: str = "UTC", **columns: Any) -> DriftRows:
        """Rows of the columns given; what every log has is filled in: one request and one user a row."""
        n = len(next(iter(columns.values())))
        given = {
            "request_id": np.arange(n),
            "user_id": np.arange(n),
            "item_id": np.arange(n),
            "shown_at": START + pd.to_timedelta(np.arange(n), unit="min"),
            "slot": np.zeros(n, dtype=np.int64),
            "click": np.zeros(n, dtype=bool),
            **columns,
        }
        if "hours" in given:
            given["shown_at"] = START + pd.to_timedelta(given.pop("hours"), unit="h")
        frame = pd.DataFrame(given)
        frame["shown_at"] = frame["shown_at"].dt.as_unit("us")
        features = features_of(frame)
        card = DatasetCard(name="small", time_zone=time_zone, propensity_of=propensity_of)
        until = START + pd.Timedelta(days=30)
        return drift_rows(frame, features=features, card=card, observed_until=until)

    return make
