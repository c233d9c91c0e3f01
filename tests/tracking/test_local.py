from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.tracking.local import METRICS_FILE, LocalRunLog, read_metrics


def started(folder: Path, **config: object) -> LocalRunLog:
    log = LocalRunLog()
    log.start(config, name="first", group="study", job_type="train", tags=["seed_1"], folder=folder)
    return log


def test_each_call_is_a_line_that_is_on_disk_at_once(tmp_path: Path) -> None:
    log = started(tmp_path)
    log.log_metrics({"train/loss": 0.5}, step=1)
    log.log_metrics({"validation/loss": np.float32(0.25), "lr": 1}, step=2)

    lines = (tmp_path / METRICS_FILE).read_text().splitlines()
    assert [json.loads(line) for line in lines] == [
        {"step": 1, "train/loss": 0.5},
        {"step": 2, "validation/loss": 0.25, "lr": 1.0},
    ]


def test_what_is_not_a_number_stays_valid_json(tmp_path: Path) -> None:
    log = started(tmp_path, max_weight=math.inf)
    log.log_metrics({"loss": math.nan, "norm": math.inf}, step=1)
    log.log_summary({"auc": math.nan, "n": np.int64(3), "note": "few rows"})
    log.finish(failed=False)

    assert json.loads((tmp_path / METRICS_FILE).read_text()) == {"step": 1, "loss": None, "norm": None}
    assert json.loads((tmp_path / "summary.json").read_text()) == {"auc": None, "n": 3, "note": "few rows"}
    assert json.loads((tmp_path / "tracking.json").read_text())["config"] == {"max_weight": None}


def test_a_metric_may_not_take_the_name_of_the_axis(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="'step'"):
        started(tmp_path).log_metrics({"step": 3.0}, step=1)


@pytest.mark.parametrize(("failed", "state"), [(False, "finished"), (True, "failed")])
def test_the_end_is_written_down(tmp_path: Path, failed: bool, state: str) -> None:
    log = started(tmp_path, seed=1)
    assert json.loads((tmp_path / "tracking.json").read_text())["state"] == "running"
    log.finish(failed=failed)
    assert json.loads((tmp_path / "tracking.json").read_text()) == {
        "state": state,
        "name": "first",
        "group": "study",
        "job_type": "train",
        "tags": ["seed_1"],
        "config": {"seed": 1},
    }


def test_a_second_process_adds_to_the_summary(tmp_path: Path) -> None:
    for values in ({"a": 1, "b": 2}, {"b": 3, "c": 4}):
        log = started(tmp_path)
        log.log_summary(values)
        log.finish(failed=False)
    assert json.loads((tmp_path / "summary.json").read_text()) == {"a": 1, "b": 3, "c": 4}


def test_tables_come_back_as_they_were(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {"n": [1, 2], "day": pd.to_datetime(["2024-01-01", "2024-01-02"], utc=True), "s": ["a", None]}
    )
    started(tmp_path).log_table("calibration/click", frame)
    back = pd.read_parquet(tmp_path / "tables" / "calibration" / "click.parquet")
    pd.testing.assert_frame_equal(back, frame)


@pytest.mark.parametrize("name", ["", "../escape", "/absolute", "a//b", ".hidden", "a b"])
def test_a_table_stays_below_its_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="table name"):
        started(tmp_path).log_table(name, pd.DataFrame({"a": [1]}))


def test_a_half_line_is_cut_off_on_the_way_in(tmp_path: Path) -> None:
    (tmp_path / METRICS_FILE).write_bytes(b'{"step": 1, "loss": 0.5}\n{"step": 2, "lo')
    assert read_metrics(tmp_path)["step"].tolist() == [1]
    started(tmp_path).log_metrics({"loss": 0.1}, step=2)
    assert read_metrics(tmp_path).to_dict("list") == {"step": [1, 2], "loss": [0.5, 0.1]}


@given(cut=st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_cut_anywhere_the_whole_lines_before_the_cut_survive(
    tmp_path_factory: pytest.TempPathFactory, cut: int
) -> None:
    folder = tmp_path_factory.mktemp("cut")
    lines = [json.dumps({"step": step, "loss": step / 7}).encode() + b"\n" for step in range(20)]
    content = b"".join(lines)
    cut = min(cut, len(content))
    (folder / METRICS_FILE).write_bytes(content[:cut])
    started(folder).log_metrics({"loss": 1.0}, step=99)

    whole = content[:cut].count(b"\n")
    assert read_metrics(folder)["step"].tolist() == [*range(whole), 99]


def test_rewind_forgets_what_will_be_logged_again(tmp_path: Path) -> None:
    log = started(tmp_path)
    for step in (10, 20, 20, 30):
        log.log_metrics({"loss": 1 / step}, step=step)
    log.rewind(20)
    log.log_metrics({"loss": 0.5}, step=20)
    assert read_metrics(tmp_path)["step"].tolist() == [10, 20]


def test_an_interrupted_and_resumed_run_leaves_the_same_file(tmp_path: Path) -> None:
    whole, resumed = tmp_path / "whole", tmp_path / "resumed"
    log = started(whole)
    for step in range(6):
        log.log_metrics({"loss": math.exp(-step)}, step=step)
    log = started(resumed)
    for step in range(4):
        log.log_metrics({"loss": math.exp(-step)}, step=step)
    log = started(resumed)
    log.rewind(2)
    for step in range(2, 6):
        log.log_metrics({"loss": math.exp(-step)}, step=step)
    assert (resumed / METRICS_FILE).read_bytes() == (whole / METRICS_FILE).read_bytes()


def test_reading_names_the_line_that_is_not_one(tmp_path: Path) -> None:
    (tmp_path / METRICS_FILE).write_text('{"step": 1}\nloss 0.3\n')
    with pytest.raises(ValueError, match=r"metrics\.jsonl, line 2"):
        read_metrics(tmp_path)


def test_reading_a_run_that_logged_nothing(tmp_path: Path) -> None:
    assert read_metrics(tmp_path).columns.tolist() == ["step"]
    assert len(read_metrics(tmp_path)) == 0


def test_a_log_is_used_between_start_and_finish(tmp_path: Path) -> None:
    log = LocalRunLog()
    with pytest.raises(RuntimeError, match="call start"):
        log.log_metrics({"loss": 1.0}, step=0)
    log = started(tmp_path)
    with pytest.raises(RuntimeError, match="still open"):
        log.start({}, name="n", group="g", job_type="j", tags=[], folder=tmp_path)
    log.finish(failed=False)
    with pytest.raises(RuntimeError, match="call start"):
        log.log_summary({"a": 1})


def test_a_killed_process_loses_no_row_that_it_logged(tmp_path: Path) -> None:
    code = (
        "import sys, os, signal; from pathlib import Path\n"
        "from holdfast.tracking.local import LocalRunLog\n"
        "log = LocalRunLog()\n"
        "log.start({}, name='n', group='g', job_type='j', tags=[], folder=Path(sys.argv[1]))\n"
        "for step in range(50): log.log_metrics({'loss': 1.0}, step=step)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    ended = subprocess.run([sys.executable, "-c", code, str(tmp_path)], env=os.environ, timeout=60)
    assert ended.returncode == -signal.SIGKILL
    assert read_metrics(tmp_path)["step"].tolist() == list(range(50))
    assert json.loads((tmp_path / "tracking.json").read_text())["state"] == "running"
