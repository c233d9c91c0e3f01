"""The stage calibrate in real runs: what it fits is what every later stage serves."""

from __future__ import annotations

import shutil

import numpy as np
import pandas as pd
import pytest
from omegaconf import OmegaConf

from holdfast.app.composition import plan
from holdfast.app.run_folder import RunFolder
from holdfast.app.simulating.training import Trainer
from holdfast.core.files import read_json
from holdfast.evaluation.pareto import non_dominated
from holdfast.models.calibration.output_calibration import calibration_from_dict

FITTED = (
    "stages=[calibrate,evaluate,export,report]",
    "calibration=isotonic",
    "fusion=per_segment",
    "fusion.segment=country",
    "fusion.num_points=16",
    "evaluation.pareto_points=24",
)


@pytest.fixture(scope="module")
def segment(saved_run):
    """A categorical feature of the user that the default world declares."""
    features = read_json(saved_run.prepared / "summary.json")["card"]["features"]
    return next(
        each["name"]
        for each in features
        if each["kind"] == "categorical" and each["owner"] == "user" and each["name"] != "user_id"
    )


@pytest.fixture(scope="module")
def fitted(saved_run, command, segment, tmp_path_factory):
    """The saved run with a calibration and a fusion that are fitted, and what was said."""
    place = tmp_path_factory.mktemp("calibrated") / "run"
    shutil.copytree(saved_run.path, place)
    words = [word.replace("country", segment) for word in FITTED]
    done = command("run", f"run_dir={place}", *words)
    assert done.code == 0, done.err + done.out
    return RunFolder(place), done


def test_where_nothing_is_to_fit_the_stage_is_over_at_once(saved_run):
    assert saved_run.is_done("calibrate")
    assert not saved_run.calibrated.exists()
    assert saved_run.state()["calibrate"]["seconds"] < 1.0


def test_every_run_has_a_front_whose_points_are_measured_on_both_windows(saved_run):
    table = pd.read_parquet(saved_run.tables / "pareto.parquet")
    assert len(table) == 257
    names = ["validation_click", "validation_dwell", "validation_retention"]
    np.testing.assert_array_equal(table["on_front"], non_dominated(table[names]))
    assert table["point"].tolist()[:4] == ["own fusion", "click alone", "dwell alone", "retention alone"]
    # No ranking has more expected returns than the one by expected returns.
    assert table["validation_retention"].max() == pytest.approx(table["validation_retention"][3])
    shown = table[table["number"].notna()]
    assert (shown["test_click_low"] <= shown["test_click"]).all()
    assert (shown["test_click"] <= shown["test_click_high"]).all()
    metrics = read_json(saved_run.metrics_file)
    for window in ("validation", "test"):
        assert 0.0 <= metrics[f"{window}/pareto/hypervolume"]["value"] <= 1.0


def test_the_run_says_what_it_chose_and_what_is_in_sample(fitted):
    folder, done = fitted
    assert "calibration: click isotonic in" in done.out
    assert "fusion PerSegmentFusion: click" in done.out
    metrics = read_json(folder.metrics_file)
    assert "in-sample" in metrics["validation/click/auc"]["note"]
    assert "in-sample" in metrics["validation/ranking/ndcg@5"]["note"]
    assert not any("in-sample" in each["note"] for name, each in metrics.items() if name.startswith("test/"))
    page = folder.report_file.read_text()
    assert "Fusion and calibration" in page
    assert "its metrics are in-sample" in page


def test_on_the_window_that_it_was_fitted_on_the_calibrated_sum_is_right(fitted, saved_run):
    before, after = (
        abs(read_json(folder.metrics_file)["validation/click/calibration"]["value"] - 1.0)
        for folder in (saved_run, fitted[0])
    )
    assert after < 0.05
    assert after <= before + 0.05


def test_the_report_says_whether_calibration_helped_on_test(fitted, saved_run):
    folder, _ = fitted
    table = pd.read_parquet(folder.tables / "calibration_effect.parquet").set_index("objective")
    assert list(table.index) == ["click", "dwell", "retention"]
    # Returns are judged at the longest horizon, of which the validation window knew too little for a map.
    assert table.loc[["click", "dwell"], "changed"].all()
    assert not (saved_run.tables / "calibration_effect.parquet").exists()
    # Before and after, as the run measured them on test before anything was fitted, and since.
    before, after = (read_json(each.metrics_file) for each in (saved_run, folder))
    assert table.loc["click", "before"] == pytest.approx(before["test/click/log_loss"]["value"])
    assert table.loc["click", "after"] == pytest.approx(after["test/click/log_loss"]["value"])
    assert table.loc["click", "ratio_after"] == pytest.approx(after["test/click/calibration"]["value"])
    np.testing.assert_allclose(table["change"], table["after"] - table["before"], rtol=1e-6)
    assert (table["low"] <= table["high"]).all()
    assert "Whether calibration helped" in folder.report_file.read_text()
    assert "Whether calibration helped" not in saved_run.report_file.read_text()


def test_the_bundle_serves_what_was_fitted(fitted, command):
    folder, _ = fitted
    manifest = read_json(folder.bundle / "manifest.json")
    assert manifest["fusion"]["kind"] == "PerSegmentFusion"
    assert manifest["fusion"]["weights"]
    assert [each["objective"] for each in manifest["calibration"]["heads"]] == ["click", "dwell", "retention"]
    checked = command("export", str(folder.path), "--check")
    assert checked.code == 0
    assert "agree" in checked.out


def test_another_fusion_makes_the_earlier_one_outdated(fitted, command, tmp_path):
    place = tmp_path / "run"
    shutil.copytree(fitted[0].path, place)
    refused = command("run", f"run_dir={place}", "stages=[evaluate,report]", "fusion=learned")
    assert refused.code == 2
    assert "the stage 'evaluate' needs calibrate" in refused.err
    assert RunFolder(place).is_done("calibrate")  # nothing was undone
    words = ("calibration=none", "fusion=weighted_sum", "evaluation.pareto_points=0")
    done = command("run", f"run_dir={place}", "stages=[calibrate,evaluate,report]", *words)
    assert done.code == 0, done.err
    assert not RunFolder(place).calibrated.exists()
    assert not RunFolder(place).is_done("export")
    assert not (RunFolder(place).tables / "pareto.parquet").exists()
    assert not (RunFolder(place).tables / "calibration_effect.parquet").exists()
    assert "evaluation.pareto_points is 0" in RunFolder(place).report_file.read_text()


def test_a_contender_is_calibrated_again_whenever_it_is_trained_again(fitted, command, tmp_path):
    place = tmp_path / "run"
    shutil.copytree(fitted[0].path, place)
    serving = ("simulation.num_days=3", "simulation.retrain_every_days=2", "simulation.window_days=8")
    done = command("simulate", f"run_dir={place}", "policy=[retrained]", "simulation.warm_epochs=1", *serving)
    assert done.code == 0, done.err
    (kept,) = (place / "simulation").rglob("models/day_*/member_0/calibrated/calibrated.json")
    own, later = read_json(place / "calibrated" / "calibrated.json"), read_json(kept)
    assert later["settings"] == own["settings"]
    assert later["fusion"]["weights"] != own["fusion"]["weights"]
    assert later["calibration"]["heads"][0] != own["calibration"]["heads"][0]
    # What a loop that was stopped goes on with is the same model with the same maps and the same fusion.
    made = plan(OmegaConf.create(RunFolder(place).saved_config()))
    loaded = Trainer(made, 1, print).load(kept.parent.parent.parent)
    assert loaded.rankers[0].calibration.to_dict() == calibration_from_dict(later["calibration"]).to_dict()
    assert [list(each) for each in loaded.fusions[0].weights] == later["fusion"]["weights"]


def test_bad_input_is_refused_before_anything_is_fitted(saved_run, command, tmp_path):
    place = tmp_path / "run"
    shutil.copytree(saved_run.path, place)
    for words, said in (
        (["fusion=per_segment", "fusion.segment=gold"], "fusion: segment: 'gold' is no categorical input"),
        (
            ["calibration=beta", "calibration.slice=gold"],
            "calibration: slice: 'gold' is no categorical input",
        ),
        (["fusion=learned", "+fusion.utility.gold=1"], "fusion: utility prices 'gold'"),
        (["fusion=learned", "fusion.utility.click=-1"], "fusion: utility.click is -1.0"),
        (
            ["fusion=constrained", "fusion.floor_is=absolute", "fusion.at_least=50"],
            "fusion: no ranking keeps a discounted click gain of at least 50 a request",
        ),
    ):
        done = command("run", f"run_dir={place}", "stages=[calibrate]", *words)
        assert done.code == 2, done.out
        assert said in done.err
        # Refused before the configuration was written, so that the next command does not carry it on.
        if "gold" in said:
            assert "gold" not in RunFolder(place).config_file.read_text()


def test_a_segment_that_is_not_there_is_refused_before_training(command, small, tmp_path):
    done = command(
        "run",
        *small,
        "fusion=per_segment",
        "fusion.segment=gold",
        "stages=[prepare]",
        f"run_dir={tmp_path / 'r'}",
    )
    assert done.code == 2
    assert "fusion: segment: 'gold' is no categorical input of this model; it has [" in done.err
