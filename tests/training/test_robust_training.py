"""Robust training through ``fit``: plain stays plain, state survives, processes agree, bad input is told."""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from holdfast.core.errors import UserError
from holdfast.data.batches import TensorColumns
from holdfast.data.encoded import EncodedWindow
from holdfast.objectives.balancing.famo import Famo
from holdfast.objectives.balancing.upgrad import UPGrad
from holdfast.objectives.estimators.self_normalised import SelfNormalised
from holdfast.objectives.robustness.coral import CORAL
from holdfast.objectives.robustness.group_dro import GroupDRO
from holdfast.objectives.robustness.irm import IRM
from holdfast.objectives.robustness.robustness import Robustness
from holdfast.objectives.robustness.vrex import VREx
from holdfast.objectives.time_decay import TimeDecay
from holdfast.training.feature_dropout import FeatureDropout
from holdfast.training.robust_training import RobustTraining
from holdfast.training.weight_averaging import WeightAveraging

LOSSES: list[Robustness] = [
    GroupDRO(environments="week", min_rows=1, step_size=0.1),
    VREx(environments="week", min_rows=1, penalty=2.0, warmup_steps=3),
    IRM(environments="week", min_rows=1, penalty=2.0),
    CORAL(environments="week", min_rows=1, penalty=50.0),
]
BESIDE = {
    "recency": TimeDecay(half_life_days=7.0),
    "feature_dropout": FeatureDropout(probability=0.2),
    "averaging": WeightAveraging(kind="ema", decay=0.8),
}


def name_of(each: object) -> str:
    return type(each).__name__


def in_weeks(window: EncodedWindow, rare: int = 3) -> EncodedWindow:
    """The same rows in three weeks, the last of which has so few that most batches hold none of them."""
    weeks = np.arange(len(window)) % 2
    weeks[:rare] = 2
    return replace(window, day=7 * weeks)


def fit(toy: Any, folder: Path, robust: RobustTraining | None, **changes: Any) -> pd.DataFrame:
    settings = {"train": in_weeks(toy.window(300, 0)), "max_epochs": 2, "patience": 5, **changes}
    if robust is not None:
        settings["robust"] = robust
    return toy.fit(folder, **settings).epochs  # type: ignore[no-any-return]


def weights_of(folder: Path) -> dict[str, torch.Tensor]:
    return torch.load(folder / "best.ckpt", weights_only=True)  # type: ignore[no-any-return]


def test_plain_training_is_what_it_was(toy: Any, tmp_path: Path) -> None:
    before = fit(toy, tmp_path / "before", None)
    plain = fit(toy, tmp_path / "plain", RobustTraining())
    pd.testing.assert_frame_equal(before, plain, check_exact=True)
    one, other = (
        torch.load(tmp_path / each / "last.ckpt", weights_only=True) for each in ("before", "plain")
    )
    assert one["state_dict"].keys() == other["state_dict"].keys()
    assert not any("robust" in name for name in other["state_dict"])
    assert "robust" not in other["holdfast_run"]["plan"]


@pytest.mark.parametrize("loss", LOSSES, ids=name_of)
def test_every_loss_trains_and_tells_of_itself(toy: Any, tmp_path: Path, loss: Robustness) -> None:
    epochs = fit(toy, tmp_path / "robust", RobustTraining(loss=loss))
    plain = fit(toy, tmp_path / "plain", None)
    assert np.isfinite(epochs["validation/loss"]).all()
    figure = "largest_weight" if isinstance(loss, GroupDRO) else "penalty"
    told = epochs[[f"robust/{figure}/{objective}" for objective in toy.heads]]
    assert np.isfinite(told.to_numpy()).all()
    if isinstance(loss, GroupDRO):
        assert ((told > 1 / 3) & (told < 1.0)).all(axis=None)
    # Training loss is told in plain means, to compare; the path is another one.
    assert not np.allclose(epochs["train/loss"], plain["train/loss"], rtol=1e-6, atol=0.0)
    assert np.allclose(epochs["train/loss"], plain["train/loss"], rtol=0.2)


@pytest.mark.parametrize("loss", LOSSES, ids=name_of)
def test_gradients_of_objectives_are_balanced_all_the_same(
    toy: Any, tmp_path: Path, loss: Robustness
) -> None:
    epochs = fit(toy, tmp_path, RobustTraining(loss=loss), balance=UPGrad(), max_epochs=1)
    assert np.isfinite(epochs["validation/loss"]).all()
    assert np.isfinite(epochs["balance/weight/click"]).all()


def test_one_environment_of_all_rows_is_plain_training(toy: Any, tmp_path: Path) -> None:
    """Two environments of which the second is never in a loss: V-REx is the mean of the first."""
    window = toy.window(300, 0)
    known = window.known.copy()
    known[:2] = False
    apart = replace(window, known=known, day=np.where(np.arange(300) < 2, 0, 7))
    robust = RobustTraining(loss=VREx(min_rows=1, penalty=1.0))
    one = fit(toy, tmp_path / "robust", robust, train=apart)
    other = fit(toy, tmp_path / "plain", None, train=apart)
    pd.testing.assert_frame_equal(one[other.columns], other, rtol=1e-4)


def kill_at(number: int) -> None:
    """Kill this process while its n-th training batch is fetched (an epoch has 8)."""
    left, gather = [number], TensorColumns.gather

    def gather_or_die(self: TensorColumns, index: Any) -> Any:
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return gather(self, index)

    TensorColumns.gather = gather_or_die  # type: ignore[method-assign]


@pytest.mark.slow
@pytest.mark.parametrize("loss", LOSSES, ids=name_of)
def test_killed_and_resumed_is_the_same_as_undisturbed(toy: Any, tmp_path: Path, loss: Robustness) -> None:
    robust = RobustTraining(loss=loss, **BESIDE)  # type: ignore[arg-type]
    if isinstance(loss, VREx):
        robust = replace(robust, averaging=WeightAveraging(kind="swa"))

    def run(folder: Path, *, kill: int | None, resume: bool) -> Any:
        def work() -> None:
            if kill is not None:
                kill_at(kill)
            epochs = fit(
                toy,
                folder,
                robust,
                ranker=toy.ranker(dropout=0.3),
                checkpoint_every_batches=3,
                resume=resume,
            )
            epochs.to_pickle(folder / "epochs.pickle")

        return toy.in_child(work)

    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert run(whole, kill=None, resume=False) == 0
    assert run(parts, kill=13, resume=False) == -signal.SIGKILL
    assert run(parts, kill=None, resume=True) == 0
    one, other = (pd.read_pickle(each / "epochs.pickle") for each in (whole, parts))
    pd.testing.assert_frame_equal(one, other, check_exact=True)
    first, second = weights_of(whole), weights_of(parts)
    assert all(torch.equal(first[name], second[name]) for name in first)


def as_process(toy: Any, rank: int, port: int, folder: Path, robust: RobustTraining) -> None:
    torch.set_num_threads(1)
    place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "LOCAL_RANK": rank, "NODE_RANK": 0}
    os.environ.update({name: str(value) for name, value in place.items()})
    os.environ["GLOO_SOCKET_IFNAME"] = "lo"
    epochs = fit(toy, folder, robust, devices=2, strategy="ddp", batch_size=50)
    if rank == 0:
        epochs.to_pickle(folder / "epochs.pickle")


@pytest.mark.slow
@pytest.mark.parametrize("loss", LOSSES, ids=name_of)
def test_two_processes_reach_what_one_does(toy: Any, tmp_path: Path, loss: Robustness) -> None:
    robust = RobustTraining(loss=loss, **BESIDE)  # type: ignore[arg-type]
    one = fit(toy, tmp_path / "one", robust, batch_size=50)
    (tmp_path / "two").mkdir()
    with socket.socket() as each:
        each.bind(("127.0.0.1", 0))
        port = int(each.getsockname()[1])
    context = multiprocessing.get_context("fork")
    processes = [
        context.Process(target=as_process, args=(toy, rank, port, tmp_path / "two", robust))
        for rank in (0, 1)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(timeout=90)
    codes = [process.exitcode for process in processes]
    for process in processes:
        process.kill()
    assert codes == [0, 0]
    two = pd.read_pickle(tmp_path / "two" / "epochs.pickle")
    pd.testing.assert_frame_equal(one, two, rtol=1e-4, atol=1e-6)
    alone, together = weights_of(tmp_path / "one"), weights_of(tmp_path / "two")
    for name, weights in alone.items():
        torch.testing.assert_close(weights, together[name], rtol=1e-3, atol=1e-5)


def test_a_resumed_run_must_be_as_robust_as_it_was(toy: Any, tmp_path: Path) -> None:
    fit(toy, tmp_path, RobustTraining(feature_dropout=FeatureDropout(probability=0.1)), max_epochs=1)
    with pytest.raises(UserError, match=r"robust was .*FeatureDropout.* and is None"):
        fit(toy, tmp_path, RobustTraining(), resume=True)


def test_what_does_not_go_together_is_refused(toy: Any, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"GroupDRO.*estimates those of .'dwell'.*estimator=naive"):
        fit(toy, tmp_path, RobustTraining(loss=LOSSES[0]), estimator=SelfNormalised(objectives=["dwell"]))
    with pytest.raises(UserError, match=r"IRM.*plain losses after each step"):
        fit(toy, tmp_path, RobustTraining(loss=LOSSES[2]), balance=Famo(lower_bound={"dwell": -10.0}))
    with pytest.raises(UserError, match="one environment only"):
        fit(toy, tmp_path, RobustTraining(loss=VREx()), train=toy.window(300, 0))
    with pytest.raises(UserError, match=r"robust\.feature_dropout: inputs names \['size'\]"):
        fit(toy, tmp_path, RobustTraining(feature_dropout=FeatureDropout(probability=0.1, inputs=["size"])))


def test_coral_goes_with_estimated_losses(toy: Any, tmp_path: Path) -> None:
    epochs = fit(
        toy, tmp_path, RobustTraining(loss=LOSSES[3]), estimator=SelfNormalised(objectives=["dwell"])
    )
    assert np.isfinite(epochs["validation/loss"]).all()
