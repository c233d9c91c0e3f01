"""A run that is killed and goes on ends with the same bits as one that is not."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from holdfast.core.errors import UserError
from holdfast.data.batches import TensorColumns
from holdfast.objectives.balancing.balance import Balance
from holdfast.objectives.balancing.dynamic_weight_average import DynamicWeightAverage
from holdfast.objectives.balancing.famo import Famo
from holdfast.objectives.balancing.gradnorm import GradNorm
from holdfast.objectives.balancing.pcgrad import PCGrad
from holdfast.objectives.balancing.uncertainty import UncertaintyBalance
from holdfast.training.fit import FitResult

pytestmark = pytest.mark.slow
SETTINGS: dict[str, Any] = {"checkpoint_every_batches": 3, "max_epochs": 3, "patience": 3}
DROPOUT = 0.3  # so that a step draws random numbers


def kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Counter:
    """Calls an action at the n-th call, from 1."""

    def __init__(self, at: int, action: Callable[[], None] = kill) -> None:
        self.left, self.action = at, action

    def __call__(self) -> None:
        self.left -= 1
        if self.left == 0:
            self.action()


def kill_at_batch(number: int) -> Callable[[], None]:
    """Kill while the n-th training batch of the process is fetched (an epoch has 8)."""

    def arm() -> None:
        count, gather = Counter(number), TensorColumns.gather

        def gather_or_die(self: TensorColumns, index: Any) -> Any:
            count()
            return gather(self, index)

        TensorColumns.gather = gather_or_die  # type: ignore[method-assign]

    return arm


def kill_before_rename(number: int, name: str) -> Callable[[], None]:
    """Kill after the n-th such checkpoint is written aside and before it is renamed."""

    def arm() -> None:
        count, replace = Counter(number), Path.replace

        def replace_or_die(self: Path, target: Any) -> Path:
            if self.name.startswith(f".{name}.part"):
                count()
            return replace(self, target)

        Path.replace = replace_or_die  # type: ignore[method-assign, assignment]

    return arm


def kill_in_the_middle_of_a_file(number: int) -> Callable[[], None]:
    """Kill when half of the bytes of the n-th checkpoint are in its file."""

    def arm() -> None:
        save = torch.save

        def save_half(checkpoint: Any, path: Path) -> None:
            save(checkpoint, path)
            content = path.read_bytes()
            path.write_bytes(content[: len(content) // 2])
            kill()

        def save_or_die(checkpoint: Any, path: Path) -> None:
            count()
            save(checkpoint, path)

        count = Counter(number, lambda: setattr(torch, "save", save_half))
        torch.save = save_or_die  # type: ignore[assignment]
        if number == 1:
            torch.save = save_half  # type: ignore[assignment]

    return arm


KILLS = {
    "first epoch, before any checkpoint": kill_at_batch(2),
    "middle of the first epoch": kill_at_batch(5),
    "middle of a later epoch": kill_at_batch(22),
    "between writing and renaming last.ckpt, middle of an epoch": kill_before_rename(2, "last.ckpt"),
    "between writing and renaming last.ckpt, end of an epoch": kill_before_rename(3, "last.ckpt"),
    "between writing and renaming best.ckpt": kill_before_rename(2, "best.ckpt"),
    "half of the first checkpoint": kill_in_the_middle_of_a_file(1),
}


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the run that nobody disturbs; filled by the first test that needs it."""
    return tmp_path_factory.mktemp("reference")


def run(toy: Any, folder: Path, *, arm: Callable[[], None] = lambda: None, **changes: Any) -> int | None:
    """Exit code of a run in a process of its own that leaves its epochs beside its checkpoints."""

    def work() -> None:
        arm()
        settings = {**SETTINGS, **changes}
        result: FitResult = toy.fit(folder, ranker=toy.ranker(dropout=DROPOUT), **settings)
        result.epochs.to_pickle(folder / "epochs.pickle")

    code = toy.in_child(work)
    assert isinstance(code, int)
    return code


def assert_same(folder: Path, reference: Path) -> None:
    ours, theirs = (pd.read_pickle(each / "epochs.pickle") for each in (folder, reference))
    # Exact, to the last bit.
    pd.testing.assert_frame_equal(ours, theirs, check_exact=True)
    for name in ("best.ckpt", "last.ckpt"):
        first, second = (torch.load(each / name, weights_only=True) for each in (folder, reference))
        if name == "last.ckpt":
            states = [each["optimizer_states"] for each in (first, second)]
            torch.testing.assert_close(*states, rtol=0.0, atol=0.0)
            first, second = first["state_dict"], second["state_dict"]
        assert first.keys() == second.keys()
        assert all(torch.equal(first[key], second[key]) for key in first)
    assert not list(folder.glob(".*part*"))


@pytest.mark.parametrize("when", list(KILLS))
def test_killed_and_resumed_is_the_same_as_undisturbed(
    toy: Any, tmp_path: Path, reference: Path, when: str
) -> None:
    if not (reference / "epochs.pickle").exists():
        assert run(toy, reference) == 0
    assert run(toy, tmp_path, arm=KILLS[when]) == -signal.SIGKILL
    assert not (tmp_path / "epochs.pickle").exists()
    assert run(toy, tmp_path, resume=True) == 0
    assert_same(tmp_path, reference)


def test_killed_again_and_again(toy: Any, tmp_path: Path, reference: Path) -> None:
    if not (reference / "epochs.pickle").exists():
        assert run(toy, reference) == 0
    kills = 0
    while run(toy, tmp_path, arm=kill_at_batch(6), resume=True) != 0:
        kills += 1
        assert kills < 10
    assert kills >= 3
    assert_same(tmp_path, reference)


@pytest.mark.parametrize(
    ("balance", "accumulate_batches"),
    [
        (UncertaintyBalance(), 2),
        (GradNorm(), 1),
        (DynamicWeightAverage(), 1),
        (Famo(), 3),
        (PCGrad(), 2),
    ],
    ids=lambda each: type(each).__name__ if not isinstance(each, int) else str(each),
)
def test_what_a_balance_learned_and_what_it_logs_goes_on_too(
    toy: Any, tmp_path: Path, balance: Balance, accumulate_batches: int
) -> None:
    settings = {"balance": balance, "accumulate_batches": accumulate_batches}
    assert run(toy, tmp_path / "whole", **settings) == 0
    # In the middle of the last epoch, which DWA weighs by the two before it.
    assert run(toy, tmp_path / "killed", arm=kill_at_batch(22), **settings) == -signal.SIGKILL
    assert run(toy, tmp_path / "killed", resume=True, **settings) == 0
    assert_same(tmp_path / "killed", tmp_path / "whole")
    assert "balance/weight/click" in pd.read_pickle(tmp_path / "killed" / "epochs.pickle")


def test_a_checkpoint_waits_until_gathered_gradients_have_made_their_step(toy: Any, tmp_path: Path) -> None:
    # Eight batches in steps of three: after the third, the sixth and the last; every second batch would be 2.
    settings = {"accumulate_batches": 3, "checkpoint_every_batches": 2}
    assert run(toy, tmp_path, arm=kill_at_batch(6), **settings) == -signal.SIGKILL
    checkpoint = torch.load(tmp_path / "last.ckpt", weights_only=True)
    assert checkpoint["WindowDataModule"]["batches_done"] == 3


def test_a_finished_run_that_is_resumed_trains_no_more(toy: Any, tmp_path: Path) -> None:
    first = toy.fit(tmp_path, max_epochs=2)
    ranker = toy.ranker()
    again = toy.fit(tmp_path, ranker=ranker, max_epochs=2, resume=True)
    pd.testing.assert_frame_equal(first.epochs, again.epochs, check_exact=True)
    assert again.rows_per_second == 0.0
    best = torch.load(tmp_path / "best.ckpt", weights_only=True)
    assert all(torch.equal(value, best[name]) for name, value in ranker.state_dict().items())


def test_more_epochs_may_be_asked_for_later(toy: Any, tmp_path: Path) -> None:
    whole = toy.fit(tmp_path / "whole", max_epochs=3, patience=3)
    toy.fit(tmp_path / "parts", max_epochs=1, patience=3)
    parts = toy.fit(tmp_path / "parts", max_epochs=3, patience=3, resume=True)
    pd.testing.assert_frame_equal(whole.epochs, parts.epochs, check_exact=True)


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda content: content[: len(content) // 2], "damaged"),
        (lambda content: b"", "damaged"),
        (lambda content: content[:2000] + bytes([content[2000] ^ 255]) + content[2001:], "damaged"),
    ],
)
@pytest.mark.parametrize("name", ["last.ckpt", "best.ckpt"])
def test_a_damaged_checkpoint_is_named_with_a_way_out(
    toy: Any, tmp_path: Path, damage: Callable[[bytes], bytes], told: str, name: str
) -> None:
    toy.fit(tmp_path, max_epochs=1)
    path = tmp_path / name
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(UserError, match=rf"{name} is {told}.*resume=false"):
        toy.fit(tmp_path, max_epochs=2 if name == "last.ckpt" else 1, resume=True)


def test_a_checkpoint_of_another_run_is_refused(toy: Any, tmp_path: Path) -> None:
    toy.fit(tmp_path, max_epochs=1)
    with pytest.raises(UserError, match=r"batch_size was 40 and is 50.*seed was 0 and is 1.*resume=false"):
        toy.fit(tmp_path, max_epochs=2, batch_size=50, seed=1, resume=True)


def test_starting_anew_replaces_what_was_there(toy: Any, tmp_path: Path) -> None:
    first = toy.fit(tmp_path, max_epochs=1)
    (tmp_path / ".last.ckpt.part-1").write_bytes(b"half")
    again = toy.fit(tmp_path, max_epochs=1)
    pd.testing.assert_frame_equal(first.epochs, again.epochs, check_exact=True)
    assert {path.name for path in tmp_path.iterdir()} == {"last.ckpt", "best.ckpt"}
