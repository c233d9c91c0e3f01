"""The folder of a run: stages, locks, and finding the run to go on with."""

from __future__ import annotations

import os
import stat

import pytest

from holdfast.app.run_folder import RunFolder, differing_keys, new_run_folder, newest_unfinished
from holdfast.core.errors import UserError


def started(path, config="name: a\nseed: 0\nstages: [prepare, fit]\n"):
    folder = RunFolder(path)
    folder.start(config)
    return folder


def test_new_folders_never_collide(tmp_path):
    paths = {new_run_folder(tmp_path, "a").path for _ in range(5)}
    assert len(paths) == 5


def test_marking_a_stage_undoes_those_that_rest_on_it(tmp_path):
    folder = started(tmp_path / "r")
    for stage in ("prepare", "fit", "evaluate"):
        folder.mark(stage, done=True, seconds=1.0)
    folder.mark("fit", done=False, after=("evaluate",))
    assert [folder.is_done(stage) for stage in ("prepare", "fit", "evaluate")] == [True, False, False]


def test_two_processes_cannot_hold_one_run(tmp_path):
    folder = started(tmp_path / "r")
    with folder.locked(), pytest.raises(UserError, match="another process is at work"), folder.locked():
        pass
    with folder.locked():
        pass


def test_the_newest_unfinished_run_of_the_same_configuration_is_found(tmp_path):
    config = {"name": "a", "seed": 0, "stages": ["prepare", "fit"]}
    old, done, other = (started(tmp_path / "a" / str(number)) for number in (1, 2, 3))
    done.mark("prepare", done=True)
    done.mark("fit", done=True)
    other.start("name: a\nseed: 1\nstages: [prepare, fit]\n")
    found = newest_unfinished(tmp_path, "a", config)
    assert found is not None
    assert found.path == old.path
    assert newest_unfinished(tmp_path, "b", config) is None


def test_differing_keys_leave_out_what_may_be_asked_anew():
    saved = {"stages": ["fit"], "data": {"root": "x", "rows": 1}, "tracking": {"mode": "offline"}}
    asked = {"stages": ["evaluate"], "data": {"root": "x", "rows": 2}, "tracking": {"mode": "online"}}
    assert differing_keys(saved, asked) == ["data.rows"]


def test_an_edited_configuration_or_state_is_named(tmp_path):
    folder = started(tmp_path / "r", config="[unclosed")
    with pytest.raises(UserError, match=r"config\.yaml is not valid YAML"):
        folder.saved_config()
    (folder.path / "state.json").write_text('{"prepare": ')
    with pytest.raises(UserError, match=r"state\.json is not valid JSON"):
        folder.state()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    tmp_path.chmod(stat.S_IREAD | stat.S_IEXEC)
    with pytest.raises(UserError, match="cannot make a folder"):
        new_run_folder(tmp_path, "a")


def test_a_file_in_the_way_of_a_folder_is_named(tmp_path):
    (tmp_path / "a").write_text("in the way")
    with pytest.raises(UserError, match="choose another place with runs_dir"):
        new_run_folder(tmp_path, "a")


def test_a_damaged_neighbour_does_not_stand_in_the_way(tmp_path):
    config = {"name": "a", "seed": 0, "stages": ["prepare", "fit"]}
    good, broken = started(tmp_path / "a" / "1"), started(tmp_path / "a" / "2")
    broken.config_file.write_text("[unclosed")
    found = newest_unfinished(tmp_path, "a", config)
    assert found is not None
    assert found.path == good.path
