"""Averages of the weights that a training goes through."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from holdfast.core.errors import UserError
from holdfast.models.ranker import Ranker
from holdfast.training.robust_training import RobustTraining
from holdfast.training.weight_averaging import WeightAveraging, ema_decay


def shifted(ranker: Ranker, by: float) -> None:
    with torch.no_grad():
        for parameter in ranker.parameters():
            parameter += by


def offset(averaged: Ranker, start: list[torch.Tensor]) -> float:
    """How far all weights moved, which must be alike."""
    moved = torch.cat([(a - b).flatten() for a, b in zip(averaged.parameters(), start, strict=True)])
    torch.testing.assert_close(moved, moved[:1].expand_as(moved), rtol=1e-4, atol=1e-5)
    return float(moved.mean())


def test_ema_by_hand(toy: Any) -> None:
    ranker = toy.ranker()
    start = [each.detach().clone() for each in ranker.parameters()]
    averaged = WeightAveraging(kind="ema", decay=0.25).build(ranker)
    assert averaged is not None
    by_hand, weight = 0.0, 0.0
    for step, move in enumerate((1.0, -3.0, 2.0, 4.0), start=1):
        shifted(ranker, move)
        weight += move
        decay = min(0.25, (1 + step) / (10 + step))  # 2/11, then 0.25
        by_hand = decay * by_hand + (1 - decay) * weight
        averaged.after_step(ranker)
        assert offset(averaged.ranker, start) == pytest.approx(by_hand, abs=1e-4)
    assert [ema_decay(step, decay=0.9) for step in (1, 10, 1000)] == [2 / 11, 11 / 20, 0.9]


def test_ema_every_so_many_steps(toy: Any) -> None:
    ranker = toy.ranker()
    start = [each.detach().clone() for each in ranker.parameters()]
    averaged = WeightAveraging(kind="ema", decay=0.1, every_steps=2).build(ranker)
    assert averaged is not None
    for move in (1.0, 1.0, 1.0):
        shifted(ranker, move)
        averaged.after_step(ranker)
    assert offset(averaged.ranker, start) == pytest.approx(0.9 * 2.0, abs=1e-4)


def test_swa_is_the_mean_of_the_ends_of_epochs(toy: Any) -> None:
    ranker = toy.ranker()
    start = [each.detach().clone() for each in ranker.parameters()]
    averaged = WeightAveraging(kind="swa", start_epoch=1).build(ranker)
    assert averaged is not None
    found = []
    for epoch, move in enumerate((5.0, -4.0, 2.0, 3.0)):  # at 5, 1, 3, 6
        shifted(ranker, move)
        averaged.after_step(ranker)
        averaged.after_epoch(ranker, epoch)
        found.append(offset(averaged.ranker, start))
    assert found == pytest.approx([5.0, 1.0, 2.0, 10.0 / 3.0], abs=1e-4)


def test_the_average_is_judged_kept_and_handed_over(toy: Any, tmp_path: Path) -> None:
    plain = toy.ranker()
    toy.fit(tmp_path / "plain", ranker=plain, max_epochs=2, patience=5, criterion="train/loss")
    kept = toy.ranker()
    robust = RobustTraining(averaging=WeightAveraging(kind="swa"))
    result = toy.fit(
        tmp_path / "swa", ranker=kept, max_epochs=2, patience=5, criterion="train/loss", robust=robust
    )
    first = toy.ranker()
    toy.fit(tmp_path / "first", ranker=first, max_epochs=1, criterion="train/loss")
    assert result.best_epoch == 1
    # The steps are those of plain training, and what is kept is the mean of the two epochs' ends.
    for one, two, mean in zip(first.parameters(), plain.parameters(), kept.parameters(), strict=True):
        torch.testing.assert_close(mean, (one + two) / 2.0, rtol=1e-5, atol=1e-6)
    best = torch.load(tmp_path / "swa" / "best.ckpt", weights_only=True)
    assert all(torch.equal(value, best[name]) for name, value in kept.state_dict().items())


def test_bad_settings(toy: Any, tmp_path: Path) -> None:
    for wrong in ({"kind": "polyak"}, {"decay": 1.0}, {"every_steps": 0}, {"start_epoch": -1}):
        name = next(iter(wrong))
        with pytest.raises(ValueError, match=f"{name} is"):
            WeightAveraging(**wrong)  # type: ignore[arg-type]
    late = RobustTraining(averaging=WeightAveraging(kind="swa", start_epoch=3))
    with pytest.raises(UserError, match=r"start_epoch is 3.*max_epochs=3"):
        toy.fit(tmp_path, robust=late, max_epochs=3)
