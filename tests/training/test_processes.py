"""Two processes train as one does."""

from __future__ import annotations

import multiprocessing
import os
import socket
from pathlib import Path
from typing import Any

import pytest
import torch

from holdfast.objectives.balancing import StaticBalance
from holdfast.objectives.balancing.balance import Balance
from holdfast.objectives.balancing.famo import Famo
from holdfast.objectives.balancing.gradnorm import GradNorm
from holdfast.objectives.balancing.upgrad import UPGrad
from holdfast.objectives.estimators.doubly_robust import DoublyRobust
from holdfast.objectives.estimators.naive import Naive
from holdfast.objectives.estimators.rows import LossEstimator
from holdfast.objectives.estimators.self_normalised import SelfNormalised
from holdfast.objectives.estimators.stable import Stable

pytestmark = pytest.mark.slow


def free_port() -> int:
    with socket.socket() as each:
        each.bind(("127.0.0.1", 0))
        return int(each.getsockname()[1])


def as_process(toy: Any, rank: int, port: int, folder: Path, settings: dict[str, Any]) -> None:
    torch.set_num_threads(1)
    place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "LOCAL_RANK": rank, "NODE_RANK": 0}
    os.environ.update({name: str(value) for name, value in place.items()})
    os.environ["GLOO_SOCKET_IFNAME"] = "lo"
    result = toy.fit(folder, devices=2, strategy="ddp", **settings)
    if rank == 0:
        result.epochs.to_pickle(folder / "epochs.pickle")


def run_two(toy: Any, folder: Path, settings: dict[str, Any]) -> list[int | None]:
    context, port = multiprocessing.get_context("fork"), free_port()
    processes = [
        context.Process(target=as_process, args=(toy, rank, port, folder, settings)) for rank in (0, 1)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(timeout=60)
    codes = [process.exitcode for process in processes]
    for process in processes:
        process.kill()
    return codes


@pytest.mark.parametrize(
    ("estimator", "balance", "accumulate_batches"),
    [
        (Naive(), StaticBalance(), 1),
        (SelfNormalised(), StaticBalance(), 1),
        (DoublyRobust(), StaticBalance(), 1),
        (Stable(), StaticBalance(), 1),
        (Naive(), StaticBalance(), 2),
        (DoublyRobust(), UPGrad(), 2),
        (Naive(), GradNorm(), 1),
        (Naive(), Famo(), 1),
    ],
    ids=lambda each: str(each) if isinstance(each, int) else type(each).__name__,
)
def test_two_processes_reach_the_losses_and_weights_of_one(
    toy: Any, tmp_path: Path, estimator: LossEstimator, balance: Balance, accumulate_batches: int
) -> None:
    import pandas as pd

    settings = {
        "max_epochs": 2,
        "batch_size": 50,
        "estimator": estimator,
        "balance": balance,
        "accumulate_batches": accumulate_batches,
    }
    one = toy.fit(tmp_path / "one", **settings)
    folder = tmp_path / "two"
    folder.mkdir()
    assert run_two(toy, folder, settings) == [0, 0]
    two = pd.read_pickle(folder / "epochs.pickle")
    pd.testing.assert_frame_equal(one.epochs, two, rtol=1e-5)
    alone, together = (
        torch.load(each / "best.ckpt", weights_only=True) for each in (tmp_path / "one", folder)
    )
    for name, weights in alone.items():
        torch.testing.assert_close(weights, together[name], rtol=1e-4, atol=2e-6)
    # And a stopped run goes on.
    assert run_two(toy, folder, {**settings, "max_epochs": 3, "resume": True}) == [0, 0]
    assert len(pd.read_pickle(folder / "epochs.pickle")) == 3
