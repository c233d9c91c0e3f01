"""A whole run, from a world to a report, and what can be asked of it afterwards."""

from __future__ import annotations

import json
import re
import shutil
from html.parser import HTMLParser

import pandas as pd
import pytest
import yaml

from holdfast.app.run_folder import RunFolder
from holdfast.app.settings import DEFAULT_STAGES


@pytest.fixture
def copied_run(saved_run, tmp_path):
    shutil.copytree(saved_run.path, tmp_path / "copy")
    return RunFolder(tmp_path / "copy")


def metrics_of(folder):
    return json.loads(folder.metrics_file.read_text())


def test_a_run_leaves_behind_everything_that_it_promises(saved_run):
    assert all(saved_run.is_done(stage) for stage in DEFAULT_STAGES)
    for path in (
        saved_run.config_file,
        saved_run.manifest_file,
        saved_run.metrics_file,
        saved_run.report_file,
        saved_run.fit / "best.ckpt",
        saved_run.fit / "last.ckpt",
        saved_run.path / "metrics.jsonl",
        saved_run.bundle / "model.onnx",
        saved_run.tables / "predictions_test.parquet",
        saved_run.prepared / "train" / "categorical.npy",
    ):
        assert path.is_file(), path
    leftovers = [path for path in saved_run.path.rglob("*") if ".part-" in path.name or ".old-" in path.name]
    assert leftovers == []


def test_the_manifest_says_how_to_get_the_same_numbers_again(saved_run):
    manifest = json.loads(saved_run.manifest_file.read_text())
    assert manifest["seed"] == 0
    assert len(manifest["data_fingerprint"]) == 64
    assert manifest["libraries"]["torch"]
    assert manifest["code"]["holdfast"]
    config = yaml.safe_load(saved_run.config_file.read_text())
    assert config["data"]["num_users"] == 250


def test_metrics_have_stable_names_values_and_intervals(saved_run):
    metrics = metrics_of(saved_run)
    for name in (
        "test/click/auc",
        "test/click/auc/ipw",
        "test/click/auc_by_user",
        "test/click/log_loss",
        "test/click/normalized_entropy",
        "test/click/calibration",
        "test/click/ece",
        "test/dwell/mae_seconds",
        "test/dwell/xauc",
        "test/retention/d1/auc",
        "test/retention/d1/brier",
        "test/retention/d1/baseline_auc",
        "test/retention/d7/auc_minus_baseline",
        "test/ranking/ndcg@5",
        "test/ranking/mrr",
        "validation/click/auc",
    ):
        metric = metrics[name]
        assert metric["value"] is not None, name
        assert metric["n"] > 0, name
    auc = metrics["test/click/auc"]
    assert auc["low"] < auc["value"] < auc["high"]
    assert 0.5 < auc["value"] < 0.9


def test_the_windows_lie_in_order_with_a_gap_and_no_row_in_two(saved_run):
    summary = json.loads((saved_run.prepared / "summary.json").read_text())
    bounds = {name: each["window"] for name, each in summary["windows"].items()}
    assert list(bounds) == ["train", "validation", "test"]
    moments = {
        name: {key: pd.Timestamp(each[key]) for key in ("start", "end", "as_of")}
        for name, each in bounds.items()
    }
    assert moments["validation"]["start"] - moments["train"]["end"] == pd.Timedelta(1, "D")
    assert moments["train"]["as_of"] == moments["validation"]["start"]
    assert moments["validation"]["as_of"] == moments["test"]["start"] == moments["validation"]["end"]


def test_evaluating_a_saved_run_gives_the_same_numbers_to_the_last_bit(command, copied_run):
    before = copied_run.metrics_file.read_bytes()
    copied_run.metrics_file.unlink()
    done = command("run", f"run_dir={copied_run.path}", "stages=[evaluate]")
    assert done.code == 0, done.err
    assert copied_run.metrics_file.read_bytes() == before
    assert copied_run.is_done("export")
    assert not copied_run.is_done("report"), "the report shows numbers of an evaluation that was done again"


def test_doing_stages_again_does_not_change_what_the_run_is(command, copied_run):
    before = yaml.safe_load(copied_run.config_file.read_text())
    assert command("run", f"run_dir={copied_run.path}", "stages=[report]").code == 0
    assert yaml.safe_load(copied_run.config_file.read_text()) == before
    manifest = json.loads(copied_run.manifest_file.read_text())
    assert len(manifest["later_starts"]) == 1


def test_evaluation_settings_may_change_on_a_saved_run_and_are_recorded(command, copied_run):
    done = command("run", f"run_dir={copied_run.path}", "stages=[evaluate]", "evaluation.cutoffs=[3]")
    assert done.code == 0, done.err
    assert "test/ranking/ndcg@3" in metrics_of(copied_run)
    assert yaml.safe_load(copied_run.config_file.read_text())["evaluation"]["cutoffs"] == [3]


def test_the_same_command_gives_the_same_metrics(saved_run, new_run):
    again = new_run(["stages=[prepare,fit,calibrate,evaluate]"])
    assert again.metrics_file.read_bytes() == saved_run.metrics_file.read_bytes()


def test_another_seed_gives_another_model_on_the_same_data(saved_run, new_run):
    other = new_run(["seed=1", "stages=[prepare,fit,evaluate]"])
    one, two = (json.loads(run.manifest_file.read_text()) for run in (saved_run, other))
    assert one["data_fingerprint"] == two["data_fingerprint"]
    assert metrics_of(saved_run)["test/click/auc"] != metrics_of(other)["test/click/auc"]


def test_a_multirun_makes_a_run_for_each_value_and_goes_on_after_a_failure(command, small, tmp_path):
    words = [*small, "stages=[prepare]", f"runs_dir={tmp_path}", "split.test_days=4,90"]
    done = command("run", "-m", *words)
    assert done.code == 2
    assert "error in job 1" in done.err
    assert "split needs" in done.err
    runs = [RunFolder(path) for path in (tmp_path / "adhoc").iterdir() if path.is_dir()]
    assert sorted(run.is_done("prepare") for run in runs) == [False, True]


def test_heads_that_the_log_cannot_teach_are_left_out_and_named(command, small, saved_run, tmp_path):
    done = command(
        "run", *small, "~model.heads.dwell", f"run_dir={tmp_path / 'r'}", "stages=[prepare,fit,evaluate]"
    )
    assert done.code == 0, done.err
    assert not any("dwell/xauc" in name for name in metrics_of(RunFolder(tmp_path / "r")))


class _Page(HTMLParser):
    def __init__(self):
        super().__init__()
        self.fetched = []

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        if tag == "script":
            self.fetched.append("script")
        for key in ("src", "href"):
            if re.match(r"(https?:)?//", values.get(key) or ""):
                self.fetched.append(values[key])


def test_the_report_is_one_file_that_fetches_nothing(saved_run):
    page = saved_run.report_file.read_text()
    parser = _Page()
    parser.feed(page)
    assert parser.fetched == []
    for text in (
        "One model, one seed",
        "recency and frequency alone",
        "epsilon_greedy",
        "<svg",
        "data_fingerprint",
    ):
        assert text in page, text


def test_the_bundle_of_a_run_is_checked_from_the_command_line(command, copied_run):
    for place in (copied_run.path, copied_run.bundle):
        done = command("export", str(place), "--check")
        assert done.code == 0, done.err
        assert "agree" in done.out
    model = copied_run.bundle / "model.onnx"
    data = bytearray(model.read_bytes())
    data[len(data) // 2] ^= 1
    model.write_bytes(bytes(data))
    done = command("export", str(copied_run.bundle), "--check")
    assert done.code == 2
    assert "model.onnx" in done.err


def test_exporting_a_saved_run_again_mends_its_bundle(command, copied_run):
    (copied_run.bundle / "model.onnx").write_bytes(b"spoilt")
    assert command("export", str(copied_run.path)).code == 0
    assert command("export", str(copied_run.bundle), "--check").code == 0
