"""One clear message that says what, where and what to do; the right exit code; nothing half-written."""

from __future__ import annotations

import json
import shutil
import signal
import time
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from holdfast.app.run_folder import RunFolder


@pytest.fixture
def refused(command):
    """Runs a command that the user got wrong, and gives its message."""

    def run(*words):
        done = command(*words)
        assert done.code == 2, done.out + done.err
        assert "Traceback" not in done.err
        assert done.err.startswith("error")
        return done.err

    return run


@pytest.fixture
def copied_run(saved_run, tmp_path):
    shutil.copytree(saved_run.path, tmp_path / "copy")
    return RunFolder(tmp_path / "copy")


@pytest.fixture
def canonical(make_log, tmp_path):
    """A log in the canonical form, in a folder; rows can be spoilt before it is written."""

    def write(spoil=lambda frame: frame):
        log = make_log(num_users=40, num_days=24)
        log.write(tmp_path / "log")
        spoilt = spoil(pd.read_parquet(tmp_path / "log" / "log.parquet"))
        spoilt.to_parquet(tmp_path / "log" / "log.parquet", index=False)
        return tmp_path / "log"

    return write


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["run", "trainer.epochs=3"], "there is no setting 'trainer.epochs'"),
        (["run", "trainer.max_epochs=three"], "trainer.max_epochs: Value 'three'"),
        (["run", "trainer.max_epochs=0"], "max_epochs is 0; it must be at least 1"),
        (["run", "model/mixture=moe"], "model/mixture"),
        (["run", "experiment=unheard_of"], "unheard_of"),
        (["run", "data=ebnerd"], "data.root is required and not given"),
        (["run", "data=ebnerd", "data.root=/nowhere"], "/nowhere"),
        (["run", "data=parquet", "data.root=/nowhere"], "/nowhere"),
        (["run", "stages=[evaluate]"], "without a saved run"),
        (["run", "run_dir=/nowhere/at/all", "stages=[evaluate]"], "holds no run"),
        (["run", "seed=["], "seed=["),
        (["run", "--config-dir", "/nowhere"], "/nowhere"),
        (["run", "~model/heads/click", "~model/heads/dwell", "~model/heads/retention"], "model.heads"),
        (["serve"], "there is no command 'serve'"),
        (["export"], "holdfast export takes one folder"),
        (["export", "/nowhere", "--check"], "there is no folder /nowhere"),
    ],
)
def test_a_mistaken_command_is_refused_with_what_to_do(refused, monkeypatch, tmp_path, words, said):
    monkeypatch.chdir(tmp_path)
    assert said in refused(*words)


def test_a_folder_that_cannot_be_made_is_named(refused, small, tmp_path):
    (tmp_path / "file").write_text("in the way")
    assert "choose another" in refused("run", *small, f"runs_dir={tmp_path / 'file'}")
    assert "choose another" in refused("run", *small, f"run_dir={tmp_path / 'file' / 'run'}")


def test_a_folder_with_something_else_in_it_is_left_alone(refused, small, tmp_path):
    (tmp_path / "thesis.txt").write_text("precious")
    assert "holds no run" in refused("run", *small, f"run_dir={tmp_path}")
    assert (tmp_path / "thesis.txt").read_text() == "precious"
    assert list(tmp_path.iterdir()) == [tmp_path / "thesis.txt"]


def test_every_fault_of_a_log_is_listed_at_once(refused, small, canonical, tmp_path):
    def spoil(frame):
        frame.loc[3, "propensity"] = 0.0
        frame.loc[frame.index[frame["click"]][:2], "dwell_seconds"] = -1.0
        frame.loc[7, "next_visit_at"] = frame.loc[7, "shown_at"] - pd.Timedelta(2, "D")
        return frame

    message = refused("run", "data=parquet", f"data.root={canonical(spoil)}", f"run_dir={tmp_path / 'r'}")
    for part in ("propensity", "dwell_seconds", "next_visit_at", "data.on_bad_rows=quarantine"):
        assert part in message, message
    assert not (tmp_path / "r" / "prepared").exists()


def test_rows_set_aside_are_counted_and_kept(command, small, canonical, tmp_path):
    def spoil(frame):
        frame.loc[[3, 5], "propensity"] = 2.0
        return frame

    run_dir = tmp_path / "r"
    done = command(
        "run",
        "data=parquet",
        f"data.root={canonical(spoil)}",
        "data.on_bad_rows=quarantine",
        f"run_dir={run_dir}",
        "stages=[prepare,report]",
        "split.maturity_days=2",
        "tracking=local",
    )
    assert done.code == 0, done.err
    assert "2 rows set aside" in done.out
    assert len(pd.read_parquet(run_dir / "quarantine.parquet")) == 2
    assert "quarantine" in (run_dir / "report.html").read_text()


def test_a_log_too_short_for_the_split_says_how_many_days_are_needed(refused, small, tmp_path):
    message = refused("run", *small, "data.num_days=12", f"run_dir={tmp_path / 'r'}")
    assert "make split.* shorter" in message


def test_a_truncated_parquet_file_is_named(refused, canonical, tmp_path):
    folder = canonical()
    data = (folder / "log.parquet").read_bytes()
    (folder / "log.parquet").write_bytes(data[: len(data) // 2])
    assert "log.parquet" in refused("run", "data=parquet", f"data.root={folder}", f"run_dir={tmp_path / 'r'}")


def test_a_corrupt_checkpoint_is_named(refused, copied_run):
    (copied_run.fit / "best.ckpt").write_bytes(b"not a checkpoint")
    message = refused("run", f"run_dir={copied_run.path}", "stages=[evaluate]")
    assert "best.ckpt" in message


def test_a_stage_without_what_it_needs_says_which_to_run(refused, small, command, tmp_path):
    run_dir = tmp_path / "r"
    assert command("run", *small, f"run_dir={run_dir}", "stages=[prepare]").code == 0
    message = refused("run", f"run_dir={run_dir}", "stages=[evaluate]")
    assert "stages=[fit,evaluate] or resume=true" in message


def test_a_saved_run_refuses_to_become_another(refused, saved_run):
    message = refused("run", f"run_dir={saved_run.path}", "stages=[evaluate]", "data.num_users=9")
    assert "made with other values of data.num_users" in message or "data.num_users" in message
    assert "Start a new run" in message


def test_a_saved_run_is_not_overwritten_by_accident(refused, saved_run):
    before = saved_run.metrics_file.stat().st_mtime_ns
    message = refused("run", f"run_dir={saved_run.path}")
    assert "already holds a run" in message
    assert saved_run.metrics_file.stat().st_mtime_ns == before


def test_a_missing_column_of_the_prepared_windows_is_named(refused, copied_run):
    (copied_run.prepared / "test" / "value.npy").unlink()
    message = refused("run", f"run_dir={copied_run.path}", "stages=[evaluate]")
    assert "value.npy" in message


def test_diverging_training_says_so(refused, small, tmp_path):
    message = refused(
        "run",
        *small,
        f"run_dir={tmp_path / 'r'}",
        "optimizer.learning_rate=1e30",
        "optimizer.gradient_clip=null",
    )
    assert "learning_rate" in message or "diverged" in message


def test_a_defect_of_ours_exits_with_1(command, small, tmp_path, monkeypatch):
    def broken(*arguments, **keywords):
        raise KeyError("nobody expected this")

    monkeypatch.setattr("holdfast.data.preparation.prepare_windows", broken)
    done = command("run", *small, f"run_dir={tmp_path / 'r'}")
    assert done.code == 1
    assert "defect of ours" in done.err
    assert not RunFolder(tmp_path / "r").is_done("prepare")


def test_nan_features_are_missing_values_and_no_mistake(command, small, canonical, tmp_path):
    def spoil(frame):
        frame["user_age"] = np.nan
        return frame

    done = command(
        "run",
        "data=parquet",
        f"data.root={canonical(spoil)}",
        f"run_dir={tmp_path / 'r'}",
        "stages=[prepare]",
        "split.maturity_days=2",
        "tracking=local",
    )
    assert done.code == 0, done.err


def test_stages_that_cannot_work_undo_nothing(refused, copied_run):
    before = copied_run.state()
    assert "the stage 'evaluate' needs fit" in refused(
        "run", f"run_dir={copied_run.path}", "stages=[prepare,evaluate]"
    )
    assert copied_run.state() == before


def test_a_bundle_of_an_earlier_model_is_not_passed_off_as_the_present_one(refused, copied_run):
    copied_run.mark("export", done=False)
    assert "no bundle of its present model" in refused("export", str(copied_run.path), "--check")


def test_repeating_a_value_of_a_saved_run_is_no_change(command, refused, copied_run):
    run_dir = f"run_dir={copied_run.path}"
    assert command("run", run_dir, "seed=0", "stages=[report]").code == 0
    message = refused("run", run_dir, "seed=7", "stages=[report]")
    assert "other values of seed;" in message


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_missed_before_anything_is_prepared(refused, small, tmp_path):
    message = refused("run", *small, "trainer.accelerator=gpu", f"run_dir={tmp_path / 'r'}")
    assert "PyTorch sees none here" in message
    assert not (tmp_path / "r" / "prepared").exists()


def test_a_bundle_that_disagrees_never_takes_its_place(command, copied_run, monkeypatch):
    before = (copied_run.bundle / "manifest.json").read_bytes()

    def disagree(*arguments, **keywords):
        return SimpleNamespace(passed=False, summary=lambda: "they DISAGREE")

    monkeypatch.setattr("holdfast.serving.parity.check_parity", disagree)
    done = command("run", f"run_dir={copied_run.path}", "stages=[export]")
    assert done.code == 1
    assert "must not be served: they DISAGREE" in done.err
    assert (copied_run.bundle / "manifest.json").read_bytes() == before
    assert not copied_run.is_done("export")


def test_broken_yaml_of_the_users_own_is_named(refused, tmp_path):
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "bad.yaml").write_text("a: [\n")
    message = refused("run", "--config-dir", str(tmp_path), "experiment=bad", "--cfg", "job")
    assert "bad.yaml" in message


def test_being_told_to_stop_leaves_a_run_that_can_go_on(process, command, small, tmp_path):
    folder = RunFolder(tmp_path / "run")
    words = ["trainer.max_epochs=60", "trainer.patience=60", "trainer.batch_size=64", "stages=[prepare,fit]"]
    running = process("run", *small, *words, f"run_dir={folder.path}", folder=tmp_path)
    deadline = time.monotonic() + 120
    while not (folder.fit / "last.ckpt").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    running.send_signal(signal.SIGTERM)
    out, _ = running.communicate(timeout=60)
    assert running.returncode == 130, out
    assert "resume=true" in out
    assert json.loads((folder.path / "tracking.json").read_text())["state"] == "failed"


def test_a_model_that_does_not_fit_the_data_leaves_no_windows_behind(refused, small, tmp_path):
    words = ("model/mixture=pepnet", "model.mixture={_target_: %s, prior: [author]}")
    target = "holdfast.models.mixtures.pepnet.PEPNet"
    kept = [word for word in small if not word.startswith("model.mixture.")]
    message = refused("run", *kept, words[0], words[1] % target, f"run_dir={tmp_path / 'r'}")
    assert "prior is ['author'], and the model has none of these inputs" in message
    assert not (tmp_path / "r" / "prepared").exists()
