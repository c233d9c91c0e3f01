from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from holdfast.app.report.page import build_report
from holdfast.app.reporting import report_content
from holdfast.app.run_folder import RunFolder
from holdfast.core.files import write_json

CONFIG = """
name: made
question: Who lasts?
evaluation: {level: 0.95, num_resamples: 200}
simulation: {value: {click_value: 1.0}, level: 0.95}
fusion: {_target_: holdfast.objectives.fusion.WeightedProduct}
policy:
  long_term_oracle: {scorer: {_target_: holdfast.simulation.policies.oracles.LongTermOracle}}
"""
CLICK = {"value": 0.7, "low": 0.65, "high": 0.75, "n": 100, "weighted": False, "note": ""}


@pytest.fixture(scope="module")
def made_content() -> ModuleType:
    path = Path(__file__).parent / "report" / "made_content.py"
    spec = importlib.util.spec_from_file_location("made_content_for_reporting", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def folder(tmp_path: Path, made_content: ModuleType) -> Iterator[RunFolder]:
    """A run of the stage simulate alone."""
    made = RunFolder(tmp_path / "run")
    made.start(CONFIG)
    made.tables.mkdir()
    manifest: dict[str, Any] = {"started_at": "2025-01-01T00:00:00Z", "command": ["x/holdfast", "simulate"]}
    write_json(made.manifest_file, manifest)
    made_content.loop_days(num_days=3).to_parquet(made.tables / "simulation_days.parquet")
    made.mark("simulate", done=True)
    yield made


def test_a_run_that_only_simulated_needs_nothing_prepared(folder: RunFolder) -> None:
    content = report_content(folder, None)
    assert content.title == "made: the closed loop"
    assert content.verdict.title == "“retrained” brought most long-term value"
    assert content.headlines[0].label == "retrained: value a user"
    assert content.command == "holdfast simulate"
    assert content.warnings == []
    assert content.data is None
    assert content.propensity is None
    for part, stage in (("data", "prepare"), ("learning", "fit"), ("results", "evaluate")):
        assert content.absent[part] == f"the stage {stage} has not been run"
    assert "closed_loop" not in content.absent
    page = build_report(content)
    assert page.count("the stage prepare has not been run") == 2
    assert "the stage simulate has not been run" not in page


@pytest.mark.parametrize(
    ("line", "opening"),
    [
        ("question: Who lasts?", "Who lasts?"),
        ("question: null", "Which policy is best for the people"),
        ("", "Which policy"),
    ],
)
def test_a_run_that_only_simulated_opens_with_a_question_about_policies(
    folder: RunFolder, line: str, opening: str
) -> None:
    folder.start(CONFIG.replace("question: Who lasts?", line))
    assert report_content(folder, None).question.startswith(opening)
    folder.mark("simulate", done=False)
    expected = opening if "Who" in line else "How good are this model's predictions"
    assert report_content(folder, None).question.startswith(expected)


def test_a_run_that_has_done_nothing_says_so(folder: RunFolder) -> None:
    folder.mark("simulate", done=False)
    content = report_content(folder, None)
    assert content.closed_loop is None
    assert content.verdict.title == "Not evaluated yet"
    assert content.absent["closed_loop"] == "the stage simulate has not been run"


def test_a_measured_run_keeps_its_verdict_and_adds_the_loops(folder: RunFolder) -> None:
    write_json(folder.metrics_file, {"test/click/auc": CLICK})
    folder.mark("evaluate", done=True)
    content = report_content(folder, None)
    assert content.verdict.title == "The model holds on the test window"
    assert content.verdict.sentences[-1] == "In the closed loop, “retrained” brought most long-term value."
    assert [each.label for each in content.headlines] == ["click AUC"]
    assert "results" not in content.absent
