import json
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from holdfast.core.files import clear_unfinished, read_json, whole_file, whole_folder, write_json, write_text


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def test_a_file_takes_the_place_of_the_old_one(tmp_path: Path):
    path = tmp_path / "deep" / "file.txt"
    write_text(path, "old")
    write_text(path, "new ±")
    assert path.read_text(encoding="utf-8") == "new ±"
    assert names_in(path.parent) == ["file.txt"]


def test_a_failure_leaves_the_old_file_and_no_rest(tmp_path: Path):
    path = tmp_path / "file.txt"
    write_text(path, "old")
    with pytest.raises(RuntimeError, match="half way"), whole_file(path) as temporary:
        temporary.write_text("ne")
        raise RuntimeError("half way")
    assert path.read_text() == "old"
    assert names_in(tmp_path) == ["file.txt"]


@pytest.mark.parametrize("kind", ["whole_file", "whole_folder"])
def test_a_kill_before_the_rename_leaves_the_old_one(tmp_path: Path, kind: str):
    path = tmp_path / "result"
    inner = path if kind == "whole_file" else path / "part"
    inner.parent.mkdir(exist_ok=True)
    inner.write_text("old")
    target = "temporary" if kind == "whole_file" else "(temporary / 'part')"
    code = f"""
        import os, signal
        from pathlib import Path
        from holdfast.core.files import {kind}
        with {kind}(Path({str(path)!r})) as temporary:
            {target}.write_text("ne")
            os.kill(os.getpid(), signal.SIGKILL)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert inner.read_text() == "old"
    # What the killed process left behind is hidden, and in nobody's way.
    assert all(name == "result" or name.startswith(".") for name in names_in(tmp_path))
    with (whole_file if kind == "whole_file" else whole_folder)(path) as temporary:
        (temporary if kind == "whole_file" else temporary / "part").write_text("new")
    assert inner.read_text() == "new"


def test_a_folder_takes_the_place_of_the_old_one_with_all_that_was_in_it(tmp_path: Path):
    path = tmp_path / "folder"
    for name in ("old", "new"):
        with whole_folder(path) as temporary:
            (temporary / name).write_text(name)
    assert names_in(path) == ["new"]
    assert names_in(tmp_path) == ["folder"]


def test_a_failure_leaves_the_old_folder(tmp_path: Path):
    path = tmp_path / "folder"
    with whole_folder(path) as temporary:
        (temporary / "old").write_text("old")
    with pytest.raises(RuntimeError, match="half way"), whole_folder(path) as temporary:
        (temporary / "new").write_text("new")
        raise RuntimeError("half way")
    assert names_in(path) == ["old"]
    assert names_in(tmp_path) == ["folder"]


def test_json_round_trip_is_exact_and_keeps_the_order(tmp_path: Path):
    value = {"b": [1, 0.1, 1e-300], "a": {"text": "±", "none": None}}
    write_json(tmp_path / "a.json", value)
    assert read_json(tmp_path / "a.json") == value
    assert list(json.loads((tmp_path / "a.json").read_text())) == ["b", "a"]


def test_json_refuses_nan_and_keeps_the_old_file(tmp_path: Path):
    write_json(tmp_path / "a.json", 1)
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "a.json", {"x": float("nan")})
    assert read_json(tmp_path / "a.json") == 1


def test_json_cut_off_is_named(tmp_path: Path):
    (tmp_path / "a.json").write_text('{"x": 1')
    with pytest.raises(ValueError, match=r"a\.json is not valid JSON"):
        read_json(tmp_path / "a.json")


def test_what_a_killed_process_left_is_cleared_and_nothing_else(tmp_path: Path):
    write_text(tmp_path / "deep" / "kept.txt", "kept")
    (tmp_path / "deep" / ".kept.txt.part-123").write_text("half")
    (tmp_path / ".folder.old-7").mkdir()
    (tmp_path / ".folder.old-7" / "file").write_text("old")
    clear_unfinished(tmp_path)
    assert [path.name for path in tmp_path.rglob("*")] == ["deep", "kept.txt"]


@pytest.mark.parametrize(("lasting", "waits"), [(True, 1), (False, 0)])
def test_only_what_must_outlast_a_power_cut_waits_for_the_disk(tmp_path, monkeypatch, lasting, waits):
    synced = []
    monkeypatch.setattr("holdfast.core.files.os.fsync", synced.append)
    with whole_file(tmp_path / "a", lasting=lasting) as temporary:
        temporary.write_text("new")
    assert (tmp_path / "a").read_text() == "new"
    assert len(synced) == waits
