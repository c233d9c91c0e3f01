"""Made content for the tests of the report."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from holdfast.app.report.content import ClosedLoopSection, ReportContent


@pytest.fixture(scope="session")
def made_content() -> ModuleType:
    spec = importlib.util.spec_from_file_location("made_content", Path(__file__).with_name("made_content.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def full(made_content: ModuleType) -> ReportContent:
    """A report with every part."""
    content = made_content.full()
    assert isinstance(content, ReportContent)
    return content


@pytest.fixture
def closed_loop(made_content: ModuleType) -> ClosedLoopSection:
    """Three seeds, four contenders, one of them told the truth, one trained again."""
    section = made_content.closed_loop()
    assert isinstance(section, ClosedLoopSection)
    return section
