"""A run that was made before some group of the configuration existed can still be read, shown and checked."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from holdfast.app.run_folder import RunFolder


@pytest.fixture
def older(saved_run: RunFolder, tmp_path: Path) -> RunFolder:
    """As it would have been left before there was a stage simulate, and a choice of interactions."""
    shutil.copytree(saved_run.path, tmp_path / "copy")
    folder = RunFolder(tmp_path / "copy")
    config = folder.saved_config()
    for group in ("simulation", "policy"):
        del config[group]
    del config["data"]["later_days"]
    for part in ("sequence", "interaction"):
        del config["model"][part]
    folder.config_file.write_text(yaml.safe_dump(config, sort_keys=False))
    return folder


def test_its_report_is_made_again_and_its_stages_stay_done(older, command):
    done = command("run", f"run_dir={older.path}", "stages=[report]")
    assert done.code == 0, done.err
    assert "How good are this model" in older.report_file.read_text()
    assert all(older.is_done(stage) for stage in ("prepare", "fit", "evaluate", "export", "report"))


def test_its_bundle_is_checked(older, command):
    before = older.config_file.read_bytes()
    done = command("export", str(older.path), "--check")
    assert done.code == 0, done.err
    assert older.config_file.read_bytes() == before, "a check changes nothing"


def test_its_model_cannot_serve_and_the_error_says_why(older, command):
    config = older.saved_config()
    del config["history"]["refresh"]  # histories were always fresh then
    older.config_file.write_text(yaml.safe_dump(config))
    before = older.config_file.read_bytes()
    done = command("simulate", f"run_dir={older.path}", "policy=[uniform,trained]")
    assert done.code == 2
    assert "train with history.refresh=nightly" in done.err
    assert older.config_file.read_bytes() == before


def test_a_group_that_it_cannot_do_without_is_named(older, command):
    config = older.saved_config()
    del config["trainer"]
    older.config_file.write_text(yaml.safe_dump(config))
    for words in (
        ("export", str(older.path), "--check"),
        ("run", f"run_dir={older.path}", "stages=[report]"),
    ):
        done = command(*words)
        assert done.code == 2
        assert "trainer names no component" in done.err
