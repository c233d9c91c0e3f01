"""Scored rows whose best fusion is known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from holdfast.core.features import InputSchema
from holdfast.core.scored_rows import ScoredRows

SCHEMA = InputSchema(
    categorical=("item", "market"),
    numeric=(),
    vocabulary_of={"item": "item", "market": "market"},
    num_rows={"item": 50, "market": 6},
)


def scored(scores: dict[str, Any], gains: dict[str, Any], *, length: int, **changes: Any) -> ScoredRows:
    """Rows of requests that all have ``length`` rows, two requests a user."""
    num_rows = len(next(iter(scores.values())))
    request = np.arange(num_rows) // length
    columns: dict[str, Any] = {
        "scores": {name: np.asarray(each, dtype=np.float64) for name, each in scores.items()},
        "gains": {name: np.asarray(each, dtype=np.float64) for name, each in gains.items()},
        "request": request,
        "user": request // 2,
        "categorical": np.full((num_rows, 2), 2, dtype=np.int32),
        "schema": SCHEMA,
    }
    return ScoredRows(**(columns | changes))


@pytest.fixture
def rows() -> Callable[..., ScoredRows]:
    return scored


@pytest.fixture
def trade_off() -> Callable[..., ScoredRows]:
    """Requests of two rows: one is the more clicked, the other the one after which people return.

    Click scores differ by a factor that is uniform in its logarithm, return scores by a constant one, and
    gains are the scores. So for exponents (1, w) the click row comes first where its factor is above
    ``3 ** w``, and everything can be worked out by hand.
    """

    def make(num_requests: int = 400) -> ScoredRows:
        factor = np.exp(np.linspace(0.0, 2.0, num_requests))
        click, back = np.empty(2 * num_requests), np.empty(2 * num_requests)
        click[0::2], click[1::2] = 0.1 * factor, 0.1
        back[0::2], back[1::2] = 0.2, 0.6
        return scored({"click": click, "retention": back}, {"click": click, "retention": back}, length=2)

    return make
