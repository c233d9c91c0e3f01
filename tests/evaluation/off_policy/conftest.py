"""Small logs whose estimates are computed by hand, and bandits whose truth is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd
import pytest


@dataclass(frozen=True)
class Hand:
    """Five rows, two actions, one objective.

    Weights are 1/2, 2, 1, 3/2 and 0; rewards 1, 1, 0, 2, 4; predictions at the logged action 1, 1/2, 0, 1, 2
    and expected predictions 3/4, 1/2, 1/4, 1, 1.
    """

    frame: pd.DataFrame
    policy: np.ndarray
    predictions: np.ndarray
    weight: np.ndarray
    reward: np.ndarray
    predicted: np.ndarray
    expected: np.ndarray


@pytest.fixture
def hand() -> Hand:
    frame = pd.DataFrame(
        {
            "action": [0, 1, 0, 1, 0],
            "propensity": [0.5, 0.5, 0.5, 0.5, 0.5],
            "reward": [1.0, 1.0, 0.0, 2.0, 4.0],
        }
    )
    policy = np.array([[0.25, 0.75], [0.0, 1.0], [0.5, 0.5], [0.25, 0.75], [0.0, 1.0]])
    predictions = np.array([[1.0, 2.0 / 3.0], [0.0, 0.5], [0.0, 0.5], [1.0, 1.0], [2.0, 1.0]])
    return Hand(
        frame,
        policy,
        predictions,
        weight=np.array([0.5, 2.0, 1.0, 1.5, 0.0]),
        reward=frame["reward"].to_numpy(),
        predicted=np.array([1.0, 0.5, 0.0, 1.0, 2.0]),
        expected=np.array([0.75, 0.5, 0.25, 1.0, 1.0]),
    )


@dataclass(frozen=True)
class Bandit:
    """A log of a bandit, and the truth about the evaluation policy."""

    frame: pd.DataFrame
    policy: np.ndarray
    reward_table: np.ndarray
    truth: float


def _softmax(scores: np.ndarray) -> np.ndarray:
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def _tables(
    contexts: np.ndarray,
    num_actions: int,
    behavior: float,
    evaluation: float,
    exploration: float,
    log_odds: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Behavior policy, evaluation policy and expected rewards, ``[N, A]`` each."""
    fixed = np.random.default_rng(5)
    liking = contexts @ (0.8 * fixed.normal(size=(3, num_actions)))
    logged = (1 - exploration) * _softmax(behavior * liking) + exploration / num_actions
    return logged, _softmax(evaluation * liking), 1.0 / (1.0 + np.exp(-log_odds - liking))


@cache
def _truth(num_actions: int, evaluation: float, log_odds: float) -> float:
    many = np.random.default_rng(77).normal(size=(400_000, 3))
    _, chosen, liked = _tables(many, num_actions, 0.0, evaluation, 0.0, log_odds)
    return float((chosen * liked).sum(axis=1).mean())


def _make_bandit(
    seed: int,
    *,
    num_rows: int = 1000,
    num_actions: int = 5,
    behavior: float = 0.3,
    evaluation: float = 2.0,
    exploration: float = 0.1,
    log_odds: float = 0.0,
    num_users: int | None = None,
) -> Bandit:
    """Contexts are drawn too; the truth is over all contexts."""

    draw = np.random.default_rng([seed, num_rows])
    contexts = draw.normal(size=(num_rows, 3))
    if num_users is not None:
        # A user's rows share a context, so that they are far from independent.
        user = draw.integers(num_users, size=num_rows)
        contexts = draw.normal(size=(num_users, 3))[user]
    logged, policy, reward = _tables(contexts, num_actions, behavior, evaluation, exploration, log_odds)
    action = (logged.cumsum(axis=1) > draw.random((num_rows, 1))).argmax(axis=1)
    rows = np.arange(num_rows)
    frame = pd.DataFrame(contexts, columns=["x0", "x1", "x2"])
    frame["action"] = action
    frame["propensity"] = logged[rows, action]
    frame["reward"] = (draw.random(num_rows) < reward[rows, action]).astype(float)
    if num_users is not None:
        frame["user_id"] = user
    return Bandit(frame, policy, reward, _truth(num_actions, evaluation, log_odds))


@pytest.fixture(scope="session")
def make_bandit() -> Callable[..., Bandit]:
    return _make_bandit
