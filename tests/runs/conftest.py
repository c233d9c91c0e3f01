"""One small saved run that the tests of runs share, and how to make others."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from hydra.core.global_hydra import GlobalHydra

from holdfast.app.cli import main
from holdfast.app.run_folder import RunFolder

# Small enough to train in seconds, long enough that every window and horizon holds something.
SMALL = (
    "data.num_users=250",
    "data.num_items=200",
    "data.num_topics=6",
    "data.num_days=26",
    "split.validation_days=2",
    "split.test_days=4",
    "model.mixture.expert_widths=[16]",
    "model.mixture.num_experts=2",
    "model.ranker.tower_widths=[8]",
    "model.ranker.embedding_dim=4",
    "trainer.max_epochs=2",
    "trainer.batch_size=128",
    "evaluation.num_resamples=20",
    "tracking=local",
)


@dataclass(frozen=True)
class Outcome:
    """What a command printed and how it ended."""

    code: int
    out: str
    err: str


def holdfast(*words: str) -> Outcome:
    """Run one command in this process."""
    out, err = io.StringIO(), io.StringIO()
    GlobalHydra.instance().clear()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(words)
    GlobalHydra.instance().clear()
    return Outcome(code, out.getvalue(), err.getvalue())


def start_holdfast(*words: str, folder: Path) -> subprocess.Popen[str]:
    """Start one command in a process of its own."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-m", "holdfast", *words],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.fixture(scope="session")
def small() -> tuple[str, ...]:
    return SMALL


@pytest.fixture(scope="session")
def command() -> Callable[..., Outcome]:
    return holdfast


@pytest.fixture(scope="session")
def process() -> Callable[..., subprocess.Popen[str]]:
    return start_holdfast


@pytest.fixture(scope="session")
def new_run(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Sequence[str]], RunFolder]:
    """Makes a small run with some overrides, and insists that it succeeds."""

    def make(overrides: Sequence[str] = ()) -> RunFolder:
        folder = tmp_path_factory.mktemp("run") / "run"
        done = holdfast("run", *SMALL, *overrides, f"run_dir={folder}")
        assert done.code == 0, done.err + done.out
        return RunFolder(folder)

    return make


@pytest.fixture(scope="session")
def saved_run(new_run: Callable[[Sequence[str]], RunFolder]) -> RunFolder:
    """A finished run; tests that change it copy it first."""
    return new_run(())


@pytest.fixture(scope="session")
def heads_run(new_run: Callable[[Sequence[str]], RunFolder]) -> RunFolder:
    """A finished run in which no head is the default one; for reading only."""
    return new_run(
        [
            "model/heads/click=focal_bernoulli",
            "model/heads/dwell=d2q",
            "model.heads.dwell.num_buckets=4",
            "model/heads/retention=surrogate_return",
            "data.num_days=33",
            "split.validation_gap_days=7",
            "trainer.max_epochs=1",
        ]
    )


@pytest.fixture(scope="session")
def robust_run(new_run: Callable[[Sequence[str]], RunFolder]) -> RunFolder:
    """A finished run with all of robust training, and a dwell head over all rows; for reading only."""
    return new_run(
        [
            "model/heads/dwell=zero_inflated_log_normal",
            "robust/loss=group_dro",
            "robust/recency=half_life",
            "robust/feature_dropout=by_row",
            "robust/averaging=ema",
            "robust/augmentation=training_family",
            "robust/ensemble=several",
            "robust.ensemble.members=2",
            "stages=[prepare,fit,evaluate,export,report]",
        ]
    )
