"""A run shows what its gates do: in the epochs' table, in the log and in the report."""

from __future__ import annotations

import json

import pandas as pd
import pytest


def test_a_run_shows_who_uses_which_expert(saved_run):
    epochs = pd.read_parquet(saved_run.fit / "epochs.parquet")
    experts = [f"gates/click/expert_{index}" for index in range(2)]
    assert epochs[experts].sum(axis=1).to_list() == pytest.approx([1.0] * len(epochs))
    assert epochs["gates/click/entropy"].between(0.0, 1.0).all()
    summary = json.loads((saved_run.fit / "summary.json").read_text())
    assert summary["unused_experts"] == []
    page = saved_run.report_file.read_text()
    assert page.count("Who uses which expert") == 1
    assert "Mean weight of experts" in page
