from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from holdfast.simulation.reactions import Reactions, Slate, examination

REACTIONS = Reactions(base=-2.0, clickbait_appeal=0.6, clickbait_cost=0.5, examination_decay=0.35)


def slate(num_slots: int = 2, **changes: float) -> Slate:
    zeros = np.zeros((1, num_slots))
    neutral = Slate(
        interest=zeros,
        quality=zeros,
        clickbait=zeros,
        length=zeros,
        content_seconds=zeros + 75.0,
        age_days=zeros + np.inf,
        fatigue=zeros,
        on_phone=np.zeros((1, 1), dtype=bool),
        hour=np.full((1, 1), 14.0),  # cos(-90 degrees) is 0
    )
    return replace(
        neutral, **{name: np.full_like(getattr(neutral, name), value) for name, value in changes.items()}
    )


def test_examination_falls_with_the_slot():
    assert np.allclose(examination(3, decay=0.35), [1.0, 1 / 1.35, 1 / 1.7])
    assert np.array_equal(examination(3, decay=0.0), np.ones(3))


@pytest.mark.parametrize(
    ("changes", "appeal"),
    [
        ({}, -2.0),
        ({"interest": 0.5}, -1.5),
        ({"clickbait": 2.0}, -0.8),
        ({"quality": 3.0}, -2.0),
        ({"age_days": 0.0}, -1.6),
        ({"fatigue": 2.0}, -2.7),
        ({"length": 1.0}, -2.0),
        ({"length": 1.0, "on_phone": True}, -2.25),
        ({"hour": 20.0}, -1.8),
    ],
)
def test_click_probability_by_hand(changes: dict[str, float], appeal: float):
    found = REACTIONS.click_probability(slate(**changes))
    chance = 1.0 / (1.0 + math.exp(-appeal))
    assert np.allclose(found, [[chance, chance / 1.35]])


@pytest.mark.parametrize(
    ("changes", "log_mean"),
    [
        ({}, math.log(30.0)),
        ({"quality": 1.0}, math.log(30.0) + 0.45),
        ({"interest": 1.0}, math.log(30.0) + 0.35),
        ({"clickbait": 1.0}, math.log(30.0) - 0.5),
        ({"length": 1.0}, math.log(30.0) + 0.25),
    ],
)
def test_dwell_law_by_hand(changes: dict[str, float], log_mean: float):
    assert np.allclose(REACTIONS.dwell_log_mean(slate(**changes)), log_mean)


def test_dwell_ends_with_the_content():
    noise = np.array([[0.0, 1.0, -30.0]])
    found = REACTIONS.dwell_seconds(np.full((1, 3), math.log(30.0)), np.full((1, 3), 75.0), noise)
    assert found.tolist() == [[30.0, 75.0, 0.001]]
