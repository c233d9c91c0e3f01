"""Robust training does what it is for, where the answer is known.

Two inputs tell of a click: one always as well, the other better, but not always in the same way.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import log_loss, roc_auc_score

from holdfast.core.arrays import Bools, Floats
from holdfast.core.features import InputSchema
from holdfast.data.encoded import EncodedWindow
from holdfast.models.heads.bernoulli import Bernoulli
from holdfast.models.mixtures.shared_bottom import SharedBottom
from holdfast.models.ranker import Ranker, RankerSettings, build_ranker
from holdfast.objectives.robustness.group_dro import GroupDRO
from holdfast.objectives.robustness.irm import IRM
from holdfast.objectives.robustness.vrex import VREx
from holdfast.objectives.time_decay import TimeDecay
from holdfast.training.prediction import predict
from holdfast.training.robust_training import RobustTraining

SCHEMA = InputSchema(categorical=(), numeric=("stable", "shortcut"))
SEEDS = (0, 1, 2)


def make_window(
    toy: Any, *, agrees: Floats, day: Floats, seed: int, stable: float = 0.75, name: str = "train"
) -> EncodedWindow:
    """Rows in which the shortcut says what the click is with a chance ``agrees``, ``[N]``."""
    rows, rng = len(agrees), np.random.default_rng(seed)
    click = rng.random(rows) < 0.5

    def telling(chance: Floats | float) -> Floats:
        return np.where(rng.random(rows) < chance, 1.0, -1.0) * np.where(click, 1.0, -1.0)

    numeric = np.stack([telling(stable), telling(agrees)], axis=1)
    toy_window = toy.window(rows, seed, name)

    def column(of: Any) -> Any:
        return np.asarray(of)[:, None]

    return replace(  # type: ignore[no-any-return]
        toy_window,
        objectives=("click",),
        categorical=np.zeros((rows, 0), dtype=np.int32),
        numeric=(numeric + 0.1 * rng.normal(size=numeric.shape)).astype(np.float32),
        lists=(),
        value=column(click.astype(np.float32)),
        event=column(np.ones(rows, dtype=bool)),
        known=column(np.ones(rows, dtype=bool)),
        spread=column(np.ones(rows, dtype=np.float32)),
        propensity=np.ones(rows),
        day=day.astype(np.int64),
    )


def trained(
    toy: Any,
    folder: Path,
    train: EncodedWindow,
    robust: RobustTraining,
    seed: int,
    validation: EncodedWindow | None = None,
) -> Ranker:
    ranker = build_ranker(
        SCHEMA,
        settings=RankerSettings(embedding_dim=2, tower_widths=[]),
        mixture=SharedBottom(widths=[8]),
        heads={"click": Bernoulli()},
        seed=seed,
    )
    # Plain and robust training get the same epochs, batches, and choice of the epoch.
    toy.fit(
        folder,
        ranker=ranker,
        train=train,
        validation=replace(train if validation is None else validation, name="validation"),
        robust=robust,
        seed=seed,
        batch_size=500,
        max_epochs=30,
        patience=30,
    )
    return ranker


def judged(ranker: Ranker, window: EncodedWindow) -> tuple[float, float]:
    """AUC and log loss."""
    chance = predict(ranker, window, fusion=None)["click_probability"]
    clicks: Bools = window.value[:, 0] > 0.5
    return float(roc_auc_score(clicks, chance)), float(log_loss(clicks, chance.astype(np.float64)))


@pytest.mark.parametrize(
    "loss", [IRM(penalty=50.0), VREx(penalty=50.0)], ids=lambda each: type(each).__name__
)
def test_a_shortcut_whose_sign_flips_is_left_alone(toy: Any, tmp_path: Path, loss: Any) -> None:
    """The shortcut tells more than the stable input in both weeks of training, and lies afterwards."""
    week = np.repeat([0, 7], 1500)
    for seed in SEEDS:
        train = make_window(toy, agrees=np.where(week == 0, 0.95, 0.75), day=week, seed=seed)
        later = make_window(toy, agrees=np.full(2000, 0.1), day=np.zeros(2000), seed=seed + 100, name="test")
        plain = judged(trained(toy, tmp_path / f"plain {seed}", train, RobustTraining(), seed), later)
        robust = judged(
            trained(toy, tmp_path / f"robust {seed}", train, RobustTraining(loss=loss), seed), later
        )
        assert plain[0] < 0.5, "it was to be a trap"
        assert robust[0] > plain[0] + 0.1
        assert robust[1] < plain[1] - 0.1


def test_the_worst_environment_is_served_better(toy: Any, tmp_path: Path) -> None:
    """In one row of twenty, the shortcut says the opposite; later all rows are like that."""
    rows = 3000
    minority = np.arange(rows) % 20 == 0
    loss = GroupDRO(environments="week", step_size=0.1)
    for seed in SEEDS:
        train = make_window(toy, agrees=np.where(minority, 0.1, 0.9), day=np.where(minority, 7, 0), seed=seed)
        later = make_window(toy, agrees=np.full(2000, 0.1), day=np.zeros(2000), seed=seed + 100, name="test")
        plain = judged(trained(toy, tmp_path / f"plain {seed}", train, RobustTraining(), seed), later)
        robust = judged(
            trained(toy, tmp_path / f"robust {seed}", train, RobustTraining(loss=loss), seed), later
        )
        assert robust[0] > plain[0] + 0.1
        assert robust[1] < plain[1] - 0.1


def test_the_newest_of_two_regimes_is_learned(toy: Any, tmp_path: Path) -> None:
    """The shortcut turned around two weeks ago, after four: the mean over all is not what comes next."""
    day = np.arange(3000) // (3000 // 42)
    turned = day >= 28
    recent = RobustTraining(recency=TimeDecay(half_life_days=3.0))
    for seed in SEEDS:
        train = make_window(toy, agrees=np.where(turned, 0.1, 0.9), day=day, seed=seed, stable=0.6)
        later = make_window(
            toy, agrees=np.full(2000, 0.1), day=np.zeros(2000), seed=seed + 100, stable=0.6, name="test"
        )
        # The days after the train window choose the epoch, as they do in a run.
        next_days = make_window(
            toy, agrees=np.full(500, 0.1), day=np.full(500, 42), seed=seed + 200, stable=0.6
        )
        plain, robust = (
            judged(trained(toy, tmp_path / f"{name} {seed}", train, each, seed, next_days), later)
            for name, each in (("plain", RobustTraining()), ("recent", recent))
        )
        # Of the best possible: the log-odds of both inputs, as they are now.
        odds = np.log([0.6 / 0.4, 0.1 / 0.9])
        best = torch.sigmoid(torch.from_numpy(np.sign(later.numeric) @ odds)).numpy()
        best_loss = log_loss(later.value[:, 0] > 0.5, best)
        assert plain[1] > best_loss + 0.2
        assert robust[1] < best_loss + 0.1
