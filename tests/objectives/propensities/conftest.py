"""Rows logged by worlds small enough to know the truth of."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from holdfast.core.logged_rows import LoggedRows


def make_rows(num: int, **columns: Any) -> LoggedRows:
    """Rows with harmless columns, apart from those that are given."""
    given: dict[str, Any] = {
        "click": np.zeros(num),
        "slot": np.zeros(num, dtype=np.int64),
        "item": np.zeros(num, dtype=np.int64),
        "user": np.arange(num),
        "policy": np.zeros(num, dtype=np.int64),
        "policies": ("random",),
        "logged": np.full(num, np.nan),
        "logged_meaning": None,
        "features": np.zeros((num, 0)),
        **columns,
    }
    return LoggedRows(**given)


@pytest.fixture
def rows() -> Any:
    return make_rows
