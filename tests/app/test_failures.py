"""Whose mistake it was, and what is said about it."""

from __future__ import annotations

import pytest
import yaml
from hydra.core.global_hydra import GlobalHydra

from holdfast.app import failures
from holdfast.app.cli import main
from holdfast.core.errors import UserError
from holdfast.core.features import Feature


def caught(function):
    try:
        function()
    except BaseException as error:  # noqa: BLE001 - handed back to the test
        return error
    raise AssertionError("nothing was raised")


def raise_(error):
    raise error


def test_a_users_mistake_exits_with_2_and_says_only_its_message(capsys):
    assert failures.report(caught(lambda: raise_(UserError("slot is missing; add it")))) == 2
    assert capsys.readouterr().err == "error: slot is missing; add it\n"


def test_a_refused_argument_of_ours_is_the_users_mistake():
    error = caught(lambda: Feature(name="x", kind="odd", owner="user"))  # type: ignore[arg-type]
    assert failures.exit_code(error) == 2


def test_a_value_error_of_a_library_is_our_defect():
    error = caught(lambda: int("three"))
    assert failures.exit_code(error) == 1
    assert "defect of ours" in failures.message(error)
    assert "HOLDFAST_DEBUG=1" in failures.message(error)


@pytest.mark.parametrize("error", [KeyError("a"), RuntimeError("b"), AssertionError()])
def test_anything_else_is_our_defect(error):
    assert failures.exit_code(caught(lambda: raise_(error))) == 1


def test_a_path_that_cannot_be_opened_names_the_path(tmp_path):
    error = caught(lambda: (tmp_path / "absent").read_text())
    assert failures.exit_code(error) == 2
    assert str(tmp_path / "absent") in failures.message(error)


def test_an_interrupt_says_how_to_go_on():
    assert failures.exit_code(KeyboardInterrupt()) == 130
    assert "resume=true" in failures.message(KeyboardInterrupt())


def test_the_traceback_is_shown_only_when_asked_for(monkeypatch, capsys):
    error = caught(lambda: raise_(UserError("no")))
    failures.report(error)
    assert "Traceback" not in capsys.readouterr().err
    monkeypatch.setenv("HOLDFAST_DEBUG", "1")
    failures.report(error)
    assert "Traceback" in capsys.readouterr().err


def test_a_full_disk_and_broken_yaml_are_no_defects_of_ours():
    # numpy says so without an error number.
    full = caught(lambda: raise_(OSError("458112 requested and 329696 written")))
    assert failures.exit_code(full) == 2
    assert "is the disk full?" in failures.message(full)
    broken = caught(lambda: yaml.safe_load("a: ["))
    assert failures.exit_code(broken) == 2
    assert "not valid YAML" in failures.message(broken)


@pytest.mark.parametrize("override", ["policy=[uniform,nobody]", "policy=nobody"])
def test_a_contender_that_does_not_exist_is_named_with_those_that_do(override, capsys):
    GlobalHydra.instance().clear()
    assert main(["run", override, "--cfg", "job"]) == 2
    said = capsys.readouterr().err
    assert "there is no option 'nobody' in the group 'policy'; it has bundle, long_term_oracle" in said
