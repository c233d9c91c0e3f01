from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
import sys
import threading
import types
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from holdfast.tracking import weights_and_biases
from holdfast.tracking.local import LocalRunLog, read_metrics
from holdfast.tracking.run_log import RunLog
from holdfast.tracking.weights_and_biases import ID_FILE, Wandb, WandbRunLog

FRAME = pd.DataFrame(
    {
        "day": pd.to_datetime(["2024-01-01", None], utc=True),
        "known": pd.array([True, None], dtype="boolean"),
        "share": [np.nan, 0.5],
        "note": ["a", None],
    }
)


def start(log: RunLog, folder: Path, **labels: Any) -> None:
    labels = {"name": "first", "group": "study", "job_type": "train", "tags": ["seed_1"], **labels}
    log.start({"seed": 1, "model": {"width": 8}}, folder=folder, **labels)


def records(run_folder: Path) -> list[dict[str, Any]]:
    """What W&B's own reader finds in an offline run."""
    command = [sys.executable, "-m", "wandb", "leet", "inspect", "--json", str(run_folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def offline_runs(folder: Path) -> list[Path]:
    return sorted((folder / "wandb").glob("offline-run-*"))


@pytest.fixture
def wandb_module(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """A module that takes the place of wandb; each test says what it does."""
    module = types.ModuleType("wandb")
    monkeypatch.setitem(sys.modules, "wandb", module)
    monkeypatch.setattr(weights_and_biases, "_stop_service", lambda: None)
    module.Settings = dict  # type: ignore[attr-defined]
    module.Table = lambda **columns: columns  # type: ignore[attr-defined]
    module.run = None  # type: ignore[attr-defined]
    return module


class FakeRun:
    def __init__(self, *, breaks: bool = False) -> None:
        self.breaks, self.heard = breaks, []  # type: ignore[var-annotated]
        self.summary = self

    def _hear(self, *call: Any) -> None:
        self.heard.append(call)
        if self.breaks:
            raise ConnectionError("socket closed")

    def define_metric(self, *names: str, **settings: str) -> None: ...

    def log(self, row: dict[str, Any]) -> None:
        self._hear("log", row)

    def update(self, values: dict[str, Any]) -> None:
        self._hear("summary", values)

    def finish(self, *, exit_code: int) -> None:
        self._hear("finish", exit_code)


def raises(*_: Any, **__: Any) -> Any:
    raise OSError("no space left on device")


def use_everything(log: RunLog, folder: Path) -> None:
    start(log, folder)
    log.log_metrics({"loss": 0.5}, step=1)
    log.log_table("calibration", FRAME)
    log.log_summary({"auc": 0.7})
    log.rewind(5)
    log.finish(failed=False)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"mode": "of"}, "tracking.mode is 'of'; choose one of offline, online, disabled"),
        ({"project": ""}, "tracking.project is empty"),
        ({"init_timeout_seconds": 0.0}, "tracking.init_timeout_seconds is 0.0"),
        ({"finish_timeout_seconds": float("nan")}, "tracking.finish_timeout_seconds is nan"),
    ],
)
def test_settings_out_of_range_are_refused(values: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Wandb(**values)


def test_disabled_does_not_even_import_wandb(tmp_path: Path, wandb_module: types.ModuleType) -> None:
    wandb_module.init = raises  # type: ignore[attr-defined]
    log = Wandb(mode="disabled").run_log()
    assert isinstance(log, LocalRunLog)
    use_everything(log, tmp_path)
    assert not (tmp_path / "wandb").exists()


def test_importing_the_adapter_does_not_import_wandb() -> None:
    code = "import sys, holdfast.tracking.weights_and_biases; sys.exit('wandb' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0


@pytest.mark.slow
def test_an_offline_run_is_read_back(tmp_path: Path) -> None:
    log = Wandb(tags=["mine", "seed_1", "x" * 80]).run_log()
    before = dict(os.environ)
    start(log, tmp_path)
    log.log_metrics({"train/loss": 0.5}, step=10)
    log.log_metrics({"train/loss": float("nan")}, step=20)
    log.log_table("calibration/click", FRAME)
    log.log_summary({"test/click/auc": 0.75})
    log.finish(failed=True)

    (run_folder,) = offline_runs(tmp_path)
    found = records(run_folder)
    run = next(record["run"] for record in found if record["type"] == "run")
    assert (run["display_name"], run["run_group"], run["job_type"]) == ("first", "study", "train")
    assert run["run_id"] == (tmp_path / ID_FILE).read_text().strip()
    assert run["tags"] == ["seed_1", "mine", "x" * 64]
    assert run["config"]["update"]["seed"] == 1
    assert run["config"]["update"]["model"] == {"width": 8}
    rows = [record["history"]["item"] for record in found if record["type"] == "history"]
    assert [row["step"] for row in rows if "train/loss" in row] == [10, 20]
    assert rows[0]["train/loss"] == 0.5
    summaries = [record["summary"]["update"] for record in found if record["type"] == "summary"]
    assert {"test/click/auc": 0.75} in summaries
    assert [record["exit"]["exit_code"] for record in found if record["type"] == "exit"] == [1]
    (table,) = run_folder.rglob("*.table.json")
    assert json.loads(table.read_text())["data"] == [
        ["2024-01-01 00:00:00+00:00", True, None, "a"],
        [None, None, 0.5, None],
    ]
    staged = list((tmp_path / "wandb" / "data").rglob("staging"))
    assert staged, "artifacts must be staged beside the run, not under the home folder"
    changed = {key for key in before if os.environ.get(key) != before[key]}
    assert changed == set()
    assert "WANDB_DATA_DIR" not in os.environ


@pytest.mark.slow
def test_two_runs_in_one_process_stay_two_and_a_resumed_one_keeps_its_id(tmp_path: Path) -> None:
    first, second = Wandb().run_log(), Wandb().run_log()
    start(first, tmp_path / "1", name="one")
    start(second, tmp_path / "2", name="two")
    second.log_metrics({"loss": 2.0}, step=1)
    first.log_metrics({"loss": 1.0}, step=1)
    second.finish(failed=False)
    first.finish(failed=False)
    again = Wandb().run_log()
    start(again, tmp_path / "1", name="one")
    again.finish(failed=False)

    (one, one_again), (two,) = offline_runs(tmp_path / "1"), offline_runs(tmp_path / "2")
    ids = [next(path.glob("run-*.wandb")).name for path in (one, one_again, two)]
    assert ids[0] == ids[1] != ids[2]
    for path, name, loss in ((one, "one", 1), (two, "two", 2)):
        found = records(path)
        assert [record["run"]["display_name"] for record in found if record["type"] == "run"] == [name]
        rows = [record["history"]["item"] for record in found if record["type"] == "history"]
        assert [row["loss"] for row in rows] == [loss]


def test_a_wandb_that_fails_everywhere_is_reported_once_and_kills_nothing(
    tmp_path: Path, wandb_module: types.ModuleType, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("init", "Settings", "Table", "login", "finish"):
        setattr(wandb_module, name, raises)
    use_everything(Wandb().run_log(), tmp_path)

    (warning,) = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert "could not open a run offline (OSError: no space left on device)" in warning.getMessage()
    assert str(tmp_path) in warning.getMessage()
    assert read_metrics(tmp_path)["loss"].tolist() == [0.5]
    assert (tmp_path / "tables" / "calibration.parquet").exists()


def test_an_installation_that_cannot_be_imported_kills_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    use_everything(Wandb().run_log(), tmp_path)
    assert len(caplog.records) == 1
    assert read_metrics(tmp_path)["loss"].tolist() == [0.5]


def test_a_run_that_refuses_calls_is_reported_once_and_still_offered_the_later_ones(
    tmp_path: Path, wandb_module: types.ModuleType, caplog: pytest.LogCaptureFixture
) -> None:
    run = FakeRun(breaks=True)
    wandb_module.init = lambda **_: run  # type: ignore[attr-defined]
    use_everything(Wandb().run_log(), tmp_path)

    (warning,) = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert "could not take metrics (ConnectionError: socket closed)" in warning.getMessage()
    assert [call[0] for call in run.heard] == ["log", "log", "summary", "finish"]


def test_a_hanging_wandb_is_given_up(
    tmp_path: Path, wandb_module: types.ModuleType, caplog: pytest.LogCaptureFixture
) -> None:
    release, run = threading.Event(), FakeRun()
    wandb_module.init = lambda **_: run  # type: ignore[attr-defined]
    run.log = lambda row: release.wait(30)  # type: ignore[method-assign, assignment, return-value]
    use_everything(Wandb(init_timeout_seconds=0.1).run_log(), tmp_path)
    release.set()

    (warning,) = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert "TimeoutError: no answer within 0.1 s" in warning.getMessage()
    assert run.heard == [], "after a hang nothing more may be asked of it"
    assert read_metrics(tmp_path)["loss"].tolist() == [0.5]


@pytest.mark.parametrize("logged_in", [True, False])
def test_online_falls_back_to_offline(
    tmp_path: Path, wandb_module: types.ModuleType, caplog: pytest.LogCaptureFixture, logged_in: bool
) -> None:
    opened, run = [], FakeRun()

    def init(*, mode: str, id: str, **_: Any) -> FakeRun:
        opened.append((mode, id))
        if mode == "online":
            raise ConnectionError("no route to host")
        return run

    wandb_module.init = init  # type: ignore[attr-defined]
    wandb_module.login = lambda **_: logged_in  # type: ignore[attr-defined]
    use_everything(Wandb(mode="online").run_log(), tmp_path)

    run_id = (tmp_path / ID_FILE).read_text().strip()
    assert opened == [("online", run_id)] * logged_in + [("offline", f"{run_id}-offline")]
    assert "recorded offline instead" in caplog.records[0].getMessage()
    assert run.heard[-1] == ("finish", 0)


def test_labels_of_the_settings_come_in_and_the_environment_does_not(
    tmp_path: Path, wandb_module: types.ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, Any] = {}

    def init(**arguments: Any) -> FakeRun:
        seen.update(arguments, WANDB_MODE=os.environ["WANDB_MODE"])
        return FakeRun()

    monkeypatch.setenv("WANDB_MODE", "online")
    wandb_module.init = init  # type: ignore[attr-defined]
    log = WandbRunLog(Wandb(group="several studies", tags=["mine"], project="p", entity="team"))
    start(log, tmp_path)
    log.finish(failed=False)

    expected = {"mode": "offline", "WANDB_MODE": "offline", "group": "several studies"}
    expected |= {"tags": ["seed_1", "mine"], "project": "p", "entity": "team", "job_type": "train"}
    assert {key: seen[key] for key in expected} == expected
    assert os.environ["WANDB_MODE"] == "online"


def test_a_large_table_is_cut_for_wandb(
    tmp_path: Path, wandb_module: types.ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = FakeRun()
    wandb_module.init = lambda **_: run  # type: ignore[attr-defined]
    monkeypatch.setattr(weights_and_biases, "MAX_TABLE_ROWS", 3)
    log = Wandb().run_log()
    start(log, tmp_path)
    log.log_table("t", pd.DataFrame({"a": range(10)}))
    log.finish(failed=False)

    assert run.heard[0][1]["t"]["data"] == [[0], [1], [2]]
    assert len(pd.read_parquet(tmp_path / "tables" / "t.parquet")) == 10


_FREEZE = """
import os, signal, subprocess, sys
from pathlib import Path
from holdfast.tracking.weights_and_biases import Wandb
log = Wandb(finish_timeout_seconds=1.0).run_log()
log.start({}, name="n", group="g", job_type="j", tags=[], folder=Path(sys.argv[1]))
log.log_metrics({"loss": 1.0}, step=1)
listing = subprocess.run(["ps", "-A", "-o", "pid=,ppid=,comm="], capture_output=True, text=True).stdout
children = [line.split() for line in listing.splitlines() if line.split()[1] == str(os.getpid())]
frozen = [int(pid) for pid, _, command, *_ in children if "wandb" in command]
for process in frozen:
    os.kill(process, signal.SIGSTOP)
log.finish(failed=False)
print("frozen", len(frozen))
"""


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("ps") is None, reason="needs ps to find W&B's helper process")
def test_a_frozen_wandb_process_does_not_keep_ours_from_ending(tmp_path: Path) -> None:
    # W&B tells child processes to share its helper process; this one is to start its own.
    own = {key: value for key, value in os.environ.items() if key != "WANDB_SERVICE"}
    command = [sys.executable, "-c", _FREEZE, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=40, env=own)
    assert done.stdout == "frozen 1\n"
    assert done.returncode == 0
    assert "could not close the run (TimeoutError: no answer within 1 s)" in done.stderr
    assert "Traceback" not in done.stderr
    assert read_metrics(tmp_path)["loss"].tolist() == [1.0]
