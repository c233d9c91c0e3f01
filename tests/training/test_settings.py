from __future__ import annotations

from typing import Any

import pytest

from holdfast.training.settings import OptimizerSettings, TrainerSettings


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_epochs": 0},
        {"batch_size": 0},
        {"patience": 0},
        {"devices": 0},
        {"num_nodes": 0},
        {"precision": "16-mixed"},
        {"checkpoint_every_seconds": 0.0},
        {"checkpoint_every_batches": -1},
    ],
)
def test_trainer_settings_out_of_range_are_named(wrong: dict[str, Any]) -> None:
    ((name, value),) = wrong.items()
    with pytest.raises(ValueError, match=f"{name} is {value!r}"):
        TrainerSettings(**wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        {"learning_rate": 0.0},
        {"embedding_learning_rate": float("inf")},
        {"gradient_clip": -1.0},
        {"weight_decay": -0.1},
        {"embedding_optimizer": "sgd"},
    ],
)
def test_optimizer_settings_out_of_range_are_named(wrong: dict[str, Any]) -> None:
    ((name, value),) = wrong.items()
    with pytest.raises(ValueError, match=f"{name} is {value!r}"):
        OptimizerSettings(**wrong)


def test_what_may_be_none() -> None:
    assert OptimizerSettings(gradient_clip=None).gradient_clip is None
    assert TrainerSettings(checkpoint_every_seconds=None).checkpoint_every_seconds is None
