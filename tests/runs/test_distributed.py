"""Two processes started by the command line train what one trains, and leave one run behind."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from holdfast.app.run_folder import RunFolder

TWO = ("trainer.devices=2", "trainer.accelerator=cpu", "trainer.strategy=ddp")
STAGES = "stages=[prepare,fit,evaluate]"


@pytest.mark.slow
def test_two_processes_leave_the_run_that_one_would(process, small, saved_run, tmp_path):
    folder = RunFolder(tmp_path / "runs" / "two")
    running = process("run", *small, *TWO, STAGES, f"run_dir={folder.path}", folder=tmp_path)
    out, _ = running.communicate(timeout=180)
    assert running.returncode == 0, out
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["two"]
    curves = [pd.read_parquet(run.fit / "epochs.parquet") for run in (saved_run, folder)]
    pd.testing.assert_frame_equal(curves[0], curves[1], rtol=1e-3)
    metrics = [json.loads(run.metrics_file.read_text()) for run in (saved_run, folder)]
    for name in ("test/click/log_loss", "test/dwell/mae_seconds", "test/retention/d1/brier"):
        assert metrics[1][name]["value"] == pytest.approx(metrics[0][name]["value"], rel=1e-3)
    lines = (folder.path / "metrics.jsonl").read_text().splitlines()
    assert len(lines) == 2, "only the first process logs"


def test_a_process_beside_the_first_needs_the_name_of_the_folder(command, small, monkeypatch):
    monkeypatch.setenv("LOCAL_RANK", "1")
    done = command("run", *small, *TWO)
    assert done.code == 2
    assert "name it with run_dir" in done.err


def test_the_command_for_lightning_explains_itself(command):
    done = command("assist")
    assert done.code == 2
    assert "Lightning" in done.err
