"""A wheel carries settings, studies, cards and the report's template, and works from any folder."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    built = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert built.returncode == 0, built.stderr
    (wheel,) = folder.glob("holdfast-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def test_everything_that_is_not_code_travels_along(unpacked):
    for path in (
        "configs/run.yaml",
        "configs/data/world.yaml",
        "experiments/quickstart/experiment/quickstart.yaml",
        "datasets/ebnerd/card.yaml",
        "app/report/report.html.j2",
        "app/report/style.css",
        "py.typed",
    ):
        assert (unpacked / "holdfast" / path).is_file(), path


def test_it_runs_from_a_folder_that_has_nothing(unpacked, small, tmp_path):
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys, holdfast; from holdfast.app.cli import main; print(holdfast.__file__);"
            "sys.exit(main(sys.argv[1:]))",
            *["run", *small, "experiment=quickstart", "stages=[prepare]"],
        ],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(unpacked), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert str(unpacked) in done.stdout, "the checkout was imported, not the wheel"
    assert len(list((tmp_path / "runs" / "quickstart").iterdir())) == 1
