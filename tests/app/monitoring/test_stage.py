from __future__ import annotations

import json

import pandas as pd

from holdfast.app.monitoring.watch_reference import load_watch_reference
from holdfast.serving.bundle import load_bundle


def test_the_stage_leaves_results_metrics_and_a_section(trained):
    told = json.loads((trained.run / "monitor" / "monitor.json").read_text())
    assert len(told["windows"]) == 6  # days of the default test window
    metrics = json.loads((trained.run / "metrics.json").read_text())
    assert metrics["monitor/windows"]["value"] == 6.0
    assert metrics["monitor/alarms"]["value"] == told["num_alarms"]
    report = (trained.run / "report.html").read_text()
    assert 'id="monitor"' in report and "Columns by day" in report
    assert (trained.run / "tables" / "monitor_findings.parquet").is_file()


def test_the_reference_travels_sealed_in_the_bundle_and_is_small(trained):
    bundle = load_bundle(trained.run / "bundle")
    files = {name: each["bytes"] for name, each in bundle.manifest["files"].items()}
    size = sum(size for name, size in files.items() if name.startswith("reference/"))
    assert {"reference/heads.json", "reference/findings.parquet"} <= set(files)
    assert 0 < size < 2_000_000
    reference = load_watch_reference(bundle.reference_folder)
    assert reference.columns.form == "sketch"
    assert {"click_probability", "score", "content_length"} <= set(reference.columns.columns)
    assert reference.completion is not None and reference.completion.share[-1] == 1.0
    assert set(reference.calibrations) == {"click", "retention"}
    assert "day_of_week" not in reference.slices  # the same for all rows of a day


def test_the_reference_is_of_the_rows_that_the_model_learned_and_was_chosen_by(trained):
    reference = load_watch_reference(trained.run / "bundle" / "reference")
    prepared = trained.run / "prepared"
    both = pd.concat([pd.read_parquet(prepared / f"rows_{name}.parquet") for name in ("train", "validation")])
    assert reference.columns.num_rows == len(both)
    summary = reference.columns.columns["content_length"]
    assert abs(summary.mean - both["content_length"].mean()) < 1e-6 * abs(both["content_length"].mean())
