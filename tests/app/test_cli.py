"""What the command line says before anything runs."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hydra.core.global_hydra import GlobalHydra

from holdfast import __version__
from holdfast.app.cli import main
from holdfast.app.settings import STAGES


@pytest.fixture(autouse=True)
def fresh_hydra():
    GlobalHydra.instance().clear()
    yield
    GlobalHydra.instance().clear()


def test_help_names_the_commands_and_where_to_start(capsys):
    for words in ([], ["--help"], ["-h"]):
        assert main(words) == 0
        out = capsys.readouterr().out
        assert "holdfast run experiment=quickstart" in out
        assert "export" in out
        assert "simulate" in out


def test_help_of_run_lists_every_stage_group_and_option(capsys):
    assert main(["run", "--help"]) == 0
    out = capsys.readouterr().out
    for word in (
        *STAGES,
        "model/mixture",
        "mmoe, pepnet",
        "ebnerd",
        "quickstart",
        "--config-dir",
        "-m",
    ):
        assert word in out


def test_help_of_simulate_says_how_and_that_stages_are_for_run(capsys):
    assert main(["simulate", "--help"]) == 0
    assert "policy=[uniform,trained,retrained]" in capsys.readouterr().out
    assert main(["simulate", "stages=[fit]"]) == 2
    assert "for stages=[fit] say holdfast run" in capsys.readouterr().err


def test_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"holdfast {__version__}\n"


def test_help_imports_nothing_heavy():
    code = (
        "import sys; from holdfast.app.cli import main; main(['--help']); main(['run', '--help']);"
        "heavy = {'torch', 'hydra', 'pandas', 'pytorch_lightning', 'wandb'} & set(sys.modules);"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_cfg_prints_the_configuration_and_runs_nothing(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["run", "trainer.max_epochs=9", "--cfg", "job"]) == 0
    assert "max_epochs: 9" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


def test_cfg_checks_what_it_prints(capsys):
    assert main(["run", "trainer.max_epochs=nine", "--cfg", "job"]) == 2
    assert "trainer.max_epochs: Value 'nine'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("holdfast ", "run"),
        ("holdfast ex", "export"),
        ("holdfast sim", "simulate"),
        ("holdfast simulate simulation.num_", "simulation.num_days="),
        ("holdfast simulate policy=", "policy=retrained_exploring"),
        ("holdfast run model/mixture=", "model/mixture=mmoe"),
        ("holdfast run trainer.max_", "trainer.max_epochs="),
        ("holdfast run experiment=qu", "experiment=quickstart"),
    ],
)
def test_the_shell_is_told_how_a_line_may_go_on(capsys, monkeypatch, line, offered):
    monkeypatch.setenv("COMP_LINE", line)
    assert main(["-sc", "query=bash"]) == 0
    assert offered in capsys.readouterr().out.split()


def test_completion_is_installed_for_the_name_of_the_command(capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["/usr/bin/holdfast", "-sc", "install=bash"])
    assert main(["-sc", "install=bash"]) == 0
    assert capsys.readouterr().out.rstrip().endswith("hydra_bash_completion holdfast")


@pytest.mark.parametrize(
    "words",
    [
        ["split.num_folds=3", "--cfg", "job", "trainer.max_epochs=9"],
        ["trainer.max_epochs=9", "--cfg=job", "split.num_folds=3"],
        ["trainer.max_epochs=9", "split.num_folds=3", "-c", "job"],
    ],
)
def test_options_may_stand_anywhere_among_the_overrides(capsys, words):
    assert main(["run", *words]) == 0
    out = capsys.readouterr().out
    assert "max_epochs: 9" in out
    assert "num_folds: 3" in out


def test_after_another_command_the_shell_is_told_nothing(capsys, monkeypatch):
    monkeypatch.setenv("COMP_LINE", "holdfast export ")
    assert main(["-sc", "query=bash"]) == 0
    captured = capsys.readouterr()
    assert captured.out + captured.err == ""
