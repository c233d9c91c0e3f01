"""A run that was killed goes on where it was: the same metrics, to the last bit, as one that was not."""

from __future__ import annotations

import shutil
import signal
import time

import pytest

from holdfast.app.run_folder import RunFolder

# Checkpoints within an epoch, and epochs long enough to be killed in.
OVERRIDES = (
    "trainer.checkpoint_every_batches=3",
    "trainer.batch_size=64",
    "trainer.max_epochs=3",
    "trainer.patience=3",
    "model.ranker.dropout=0.2",
    "stages=[prepare,fit,evaluate]",
)
PATIENCE_SECONDS = 120


@pytest.fixture(scope="module")
def uninterrupted(new_run):
    return new_run(OVERRIDES)


def wait_for(process, happened):
    """Wait until something is seen to have happened, in a process that must still be running."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not happened():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.005)


def kill_at(process, happened):
    wait_for(process, happened)
    process.send_signal(signal.SIGKILL)
    process.communicate()


def epochs_logged(folder):
    path = folder.path / "metrics.jsonl"
    return len(path.read_text().splitlines()) if path.exists() else 0


def same_results(one, other):
    assert one.metrics_file.read_bytes() == other.metrics_file.read_bytes()
    curves = [(run.path / "metrics.jsonl").read_text() for run in (one, other)]
    assert curves[0] == curves[1]


def test_kill_9_in_the_middle_of_an_epoch(uninterrupted, process, command, small, tmp_path):
    folder = RunFolder(tmp_path / "run")
    words = ["run", *small, *OVERRIDES, f"run_dir={folder.path}"]
    running = process(*words, folder=tmp_path)
    last = folder.fit / "last.ckpt"

    def in_the_second_epoch():
        return epochs_logged(folder) == 1 and last.exists() and last.stat().st_mtime > epoch_ended()

    def epoch_ended():
        return (folder.path / "metrics.jsonl").stat().st_mtime

    kill_at(running, in_the_second_epoch)
    assert folder.is_done("prepare")
    assert not folder.is_done("fit")
    done = command("run", f"run_dir={folder.path}", "resume=true")
    assert done.code == 0, done.err
    assert "prepare   done before" in done.out
    same_results(uninterrupted, folder)


def test_kill_9_while_a_checkpoint_is_being_written(uninterrupted, process, command, small, tmp_path):
    folder = RunFolder(tmp_path / "run")
    running = process("run", *small, *OVERRIDES, f"run_dir={folder.path}", folder=tmp_path)

    def half_written():
        return folder.fit.exists() and epochs_logged(folder) >= 1 and any(folder.fit.glob(".last.ckpt*"))

    kill_at(running, half_written)
    done = command("run", *small, *OVERRIDES, f"run_dir={folder.path}", "resume=true")
    assert done.code == 0, done.err
    same_results(uninterrupted, folder)
    assert not list(folder.fit.glob(".*part*"))


def test_without_its_folder_the_newest_unfinished_run_is_found(uninterrupted, command, small, tmp_path):
    folder = RunFolder(tmp_path / "adhoc" / "2024-01-01_00-00-00")
    shutil.copytree(uninterrupted.path, folder.path)
    folder.mark("evaluate", done=False)
    folder.metrics_file.unlink()
    done = command("run", *small, *OVERRIDES, f"runs_dir={tmp_path}", "resume=true")
    assert done.code == 0, done.err
    assert f"resume    {folder.path}" in done.out
    assert folder.metrics_file.read_bytes() == uninterrupted.metrics_file.read_bytes()


def test_a_finished_run_has_nothing_to_resume(command, uninterrupted):
    done = command("run", f"run_dir={uninterrupted.path}", "resume=true")
    assert done.code == 0
    assert done.out.count("done before") == 3


def test_a_damaged_last_checkpoint_is_named_with_what_to_do(command, uninterrupted, tmp_path):
    shutil.copytree(uninterrupted.path, tmp_path / "copy")
    folder = RunFolder(tmp_path / "copy")
    folder.mark("fit", done=False, after=("evaluate",))
    last = folder.fit / "last.ckpt"
    last.write_bytes(last.read_bytes()[: last.stat().st_size // 2])
    done = command("run", f"run_dir={folder.path}", "resume=true")
    assert done.code == 2
    assert "last.ckpt" in done.err
