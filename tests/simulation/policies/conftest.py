"""Requests in which everybody has the same candidates, so that the only chance is the policy's."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from holdfast.simulation.draws import draws
from holdfast.simulation.items import draw_items
from holdfast.simulation.policy import Requests
from holdfast.simulation.users import draw_users

_, USERS = draw_users(
    num_users=60,
    num_topics=5,
    first_day=0,
    num_days=2,
    established_share=1.0,
    frailty_sd=1.0,
    seed=0,
)
_, ITEMS = draw_items(num_items=40, num_topics=5, first_day=0, num_days=2, missing_share=0.2, seed=0)


def _requests_for(
    num_requests: int, *, candidates: Sequence[int] = (3, 9, 4, 7, 1), num_slots: int = 2, seed: int = 0
) -> Requests:
    return Requests(
        day=4,
        num_slots=num_slots,
        user=np.arange(num_requests),
        candidates=np.tile(np.asarray(candidates, dtype=np.int64), (num_requests, 1)),
        recent_topics=np.full((num_requests, 10), -1),
        users=USERS,
        items=ITEMS,
        shows=np.zeros(40),
        clicks=np.zeros(40),
        draws=draws(seed, "policy", 4, 0),
        seconds=np.full(num_requests, 3600.0),
    )


@pytest.fixture(scope="session")
def requests_for() -> Callable[..., Requests]:
    """``requests_for(num_requests, candidates=..., num_slots=..., seed=...)``, on day 4."""
    return _requests_for
