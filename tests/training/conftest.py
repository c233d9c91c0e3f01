"""A small window with a signal, a small ranker, and a way to run training in a process that may be killed."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from holdfast.core.features import InputSchema, ListField
from holdfast.data.encoded import EncodedWindow
from holdfast.models.heads.bernoulli import Bernoulli
from holdfast.models.heads.censored_log_normal import CensoredLogNormal
from holdfast.models.heads.discrete_hazard import DiscreteHazard
from holdfast.models.mixtures.mmoe import MMoE
from holdfast.models.ranker import Ranker, RankerSettings, build_ranker
from holdfast.objectives.balancing import StaticBalance
from holdfast.objectives.weighting import PropensityWeighting
from holdfast.training.fit import FitResult, fit
from holdfast.training.settings import OptimizerSettings, TrainerSettings

SCHEMA = InputSchema(
    categorical=("item", "device"),
    numeric=("age", "price"),
    lists=(ListField(name="history", max_length=3),),
    vocabulary_of={"item": "items", "device": "devices", "history": "items"},
    num_rows={"items": 30, "devices": 5},
)
HEADS = {"click": Bernoulli(), "dwell": CensoredLogNormal(), "retention": DiscreteHazard(horizon_days=4)}


def make_window(rows: int, seed: int, name: str = "train") -> EncodedWindow:
    rng = np.random.default_rng(seed)
    item = rng.integers(0, 30, rows)
    numeric = rng.normal(size=(rows, 2)).astype(np.float32)
    click = rng.random(rows) < 1.0 / (1.0 + np.exp(-numeric[:, 0] - (item % 3) + 1.0))
    stay, content = np.exp(3.0 + 0.5 * numeric[:, 1] + rng.normal(size=rows)), rng.uniform(20.0, 90.0, rows)
    back, watched = rng.geometric(0.3, rows), rng.integers(0, 5, rows)
    known = np.stack([np.ones(rows, dtype=bool), click, watched > 0], axis=1)
    value = np.stack([click, np.minimum(stay, content), np.minimum(back, watched)], axis=1).astype(np.float32)
    zeros = np.zeros(rows, dtype=np.int64)
    return EncodedWindow(
        name=name,
        objectives=("click", "dwell", "retention"),
        categorical=np.stack([item, rng.integers(0, 5, rows)], axis=1).astype(np.int32),
        numeric=numeric,
        lists=(rng.integers(0, 30, (rows, 3)).astype(np.int32),),
        content_seconds=content.astype(np.float32),
        # Not a number where nothing is known: nothing may depend on it.
        value=np.where(known, value, np.nan).astype(np.float32),
        event=np.stack([np.ones(rows, dtype=bool), stay < content, back <= watched], axis=1),
        known=known,
        spread=np.stack([np.ones(rows), np.ones(rows), rng.uniform(0.2, 1.0, rows)], axis=1).astype(
            np.float32
        ),
        propensity=rng.uniform(0.05, 1.0, rows),
        request=zeros,
        user=zeros,
        user_day=zeros,
        day=zeros,
        slot=zeros,
        follow_up_days=zeros,
        recency_days=zeros.astype(np.float32),
        active_days_7=zeros.astype(np.float32),
        policy=zeros,
        item=item,
        policies=("logged",),
    )


def make_ranker(seed: int = 0, *, dropout: float = 0.0, sparse: bool = True) -> Ranker:
    return build_ranker(
        SCHEMA,
        settings=RankerSettings(embedding_dim=4, tower_widths=[8], sparse=sparse),
        mixture=MMoE(num_experts=2, expert_widths=[8], dropout=dropout),
        heads=HEADS,
        seed=seed,
    )


def fit_toy(folder: Path, *, ranker: Ranker | None = None, **changes: Any) -> FitResult:
    """``fit`` on toy windows; keyword arguments replace settings by name."""
    arguments: dict[str, Any] = {
        "train": make_window(300, 0),
        "validation": make_window(120, 1, "validation"),
        "weighting": PropensityWeighting(),
        "balance": StaticBalance(),
        "optimizer": OptimizerSettings(learning_rate=0.02),
        "seed": 0,
        "folder": folder,
    }
    settings: dict[str, Any] = {"batch_size": 40, "max_epochs": 3, "accelerator": "cpu"}
    for name, value in changes.items():
        (arguments if name in arguments or name in EXTRA else settings)[name] = value
    return fit(ranker or make_ranker(), settings=TrainerSettings(**settings), **arguments)


EXTRA = ("resume", "on_progress", "run_log", "source", "estimator", "robust")


def run_in_child(work: Callable[[], object]) -> int | None:
    """Exit code of a process that does the work; negative where a signal killed it.

    A fork, because importing Lightning anew would take longer than all of these tests.
    """

    def alone() -> None:
        torch.set_num_threads(1)  # a fork does not inherit the parent's thread pool
        work()

    process = multiprocessing.get_context("fork").Process(target=alone)
    process.start()
    process.join(timeout=120)
    assert process.exitcode is not None, "the child process hangs"
    return process.exitcode


@pytest.fixture
def toy() -> Any:
    """The functions above, by name."""

    class Toy:
        schema = SCHEMA
        heads = HEADS
        window = staticmethod(make_window)
        ranker = staticmethod(make_ranker)
        fit = staticmethod(fit_toy)
        in_child = staticmethod(run_in_child)

    return Toy
