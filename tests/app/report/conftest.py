"""Made content for the tests of the report."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from holdfast.app.report.content import ClosedLoopSection, ReportContent


def made(name: str) -> ModuleType:
    """A module beside this one."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def made_content() -> ModuleType:
    return made("made_content")


@pytest.fixture(scope="session")
def made_stress() -> ModuleType:
    return made("made_stress")


@pytest.fixture
def full(made_content: ModuleType, made_stress: ModuleType) -> ReportContent:
    """A report with every part."""
    content = made_content.full()
    assert isinstance(content, ReportContent)
    return replace(content, stress=[made_stress.section()])


@pytest.fixture
def closed_loop(made_content: ModuleType) -> ClosedLoopSection:
    """Three seeds, four contenders, one of them told the truth, one trained again."""
    section = made_content.closed_loop()
    assert isinstance(section, ClosedLoopSection)
    return section
