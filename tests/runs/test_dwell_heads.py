"""Whole runs with a dwell head that is fitted on the train window, and with one over all rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import ndcg_score

from holdfast.core.files import read_json
from holdfast.data.encoded import load_window

pytestmark = pytest.mark.slow


def test_a_fitted_head_is_served_with_its_statistics(heads_run, command):
    run = heads_run
    fitted = read_json(run.prepared / "heads.json")["dwell"]
    assert fitted["head"] == "D2Q"
    assert 1 <= len(fitted["state"]["tables"]) <= 4
    metrics = read_json(run.metrics_file)
    assert 0.0 < metrics["test/dwell/crps_seconds"]["value"] < metrics["test/dwell/mae_seconds"]["value"]
    assert "test/dwell/log_score" not in metrics
    outputs = {each["name"] for each in read_json(run.bundle / "signature.json")["model"]["outputs"]}
    assert {"dwell_seconds", "dwell_median_seconds", "dwell_quantile_in_bucket"} <= outputs
    described = read_json(run.bundle / "manifest.json")["heads"]["dwell"]
    assert described["fitted"] == fitted["state"]
    checked = command("export", str(run.path), "--check")
    assert checked.code == 0, checked.err
    for note in fitted["state"]["notes"]:
        assert note[:40] in run.report_file.read_text()


def test_a_head_over_all_rows_learns_from_what_was_not_opened(robust_run):
    run = robust_run
    train = load_window(run.prepared / "train")
    click, dwell = train.index_of("click"), train.index_of("dwell")
    assert train.known[:, dwell].all()
    assert ((train.value[:, dwell] > 0.0) == (train.value[:, click] > 0.0)).all()
    metrics = read_json(run.metrics_file)
    opened, everywhere = (
        metrics["test/dwell/mae_seconds"]["n"],
        metrics["test/dwell/all_rows/mae_seconds"]["n"],
    )
    assert 0 < opened < everywhere
    assert metrics["test/dwell/log_score"]["value"] is not None
    assert (run.bundle / "manifest.json").is_file()


def test_a_model_of_dwell_alone_has_its_order_measured(new_run):
    run = new_run(
        ["~model/heads/click", "~model/heads/retention", "stages=[prepare,fit,calibrate,evaluate,report]"]
    )
    table = pd.read_parquet(run.tables / "predictions_test.parquet")
    gain = np.log1p(table["dwell_observed"].fillna(0.0))
    values = [
        ndcg_score([gain[rows]], [table["score"][rows]], k=5)
        for rows in table.groupby("request").groups.values()
        if len(rows) > 1 and gain[rows].any()
    ]
    measured = read_json(run.metrics_file)
    found = measured["test/ranking/ndcg_dwell@5"]
    assert found["n"] == len(values) > 50
    assert found["value"] == pytest.approx(np.mean(values), abs=1e-6)
    assert found["low"] < found["value"] < found["high"]
    assert not any(name.startswith(("test/ranking/ndcg@", "test/ranking/mrr")) for name in measured)
    assert "fused score, by dwell" in run.report_file.read_text()


def test_a_setting_out_of_range_is_refused(command, small, tmp_path):
    done = command(
        "run", *small, "model/heads/dwell=tree", "model.heads.dwell.depth=12", f"run_dir={tmp_path / 'run'}"
    )
    assert done.code == 2
    assert "model.heads.dwell: depth is 12; it must be from 1 to 8" in done.err
