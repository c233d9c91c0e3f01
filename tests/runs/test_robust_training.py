"""Robust training from the command line, from a log to a bundle."""

from __future__ import annotations

import shutil

import numpy as np
import pandas as pd
import pytest
import yaml
from omegaconf import OmegaConf

from holdfast.app.hydra_entry import compose
from holdfast.app.robust_plan import PLAIN
from holdfast.app.run_folder import RunFolder
from holdfast.core.files import read_json
from holdfast.data.encoded import load_window


def test_what_runs_of_before_were_trained_with_is_the_default():
    assert OmegaConf.to_container(compose([]).robust, resolve=True) == PLAIN


def test_all_together_and_exported(robust_run):
    folder = robust_run
    summary = read_json(folder.fit / "summary.json")
    assert len(summary["members"]) == 2
    assert list(summary["environments"]) == ["week 0", "week 1"]
    assert (folder.fit / "member_1" / "best.ckpt").is_file()
    epochs = pd.read_parquet(folder.fit / "epochs.parquet")
    assert (epochs["robust/largest_weight/click"] > 1 / 2).all()
    clean, learned = (load_window(folder.prepared / name) for name in ("train", "train_augmented"))
    assert learned.value.dtype == clean.value.dtype
    assert len(learned) == len(clean)
    assert (learned.numeric != clean.numeric).any(1).mean() > 0.1
    np.testing.assert_array_equal(learned.value, clean.value)
    assert (learned.propensity == clean.propensity).all()
    exported = read_json(folder.path / "export.json")
    assert exported["max_scaled_difference"] <= 1.0, "the bundle gives the mean of both models"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["robust/loss=irm", "robust.loss.penalty=-1"], "robust.loss: penalty is -1.0"),
        (["robust/loss=vrex", "robust.loss.environments=feature:mood"], "no categorical input 'mood'"),
        (["robust/loss=coral", "robust.loss.min_rows=1000000"], "one environment only (others"),
        (["robust/recency=half_life", "robust.recency.half_life_days=0"], "half_life_days is 0.0"),
        (["robust/feature_dropout=by_row", "robust.feature_dropout.probability=1"], "probability is 1.0"),
        (["robust/feature_dropout=by_row", "robust.feature_dropout.inputs=[mood]"], "['mood']"),
        (["robust/averaging=swa", "robust.averaging.start_epoch=9"], "start_epoch is 9"),
        (["robust/ensemble=several", "robust.ensemble.members=0"], "members is 0"),
        (["robust/ensemble=several", "policy=[trained]"], "policy.NAME.scorer.members"),
        (["robust/loss=group_dro", "objective/estimator=snips"], "objective/estimator=naive"),
        (["robust/loss=coral", "objective/balance=famo"], "choose another objective/balance"),
        (
            [
                "robust/augmentation=training_family",
                "+drift@robust.augmentation.injectors.late=late_features",
            ],
            "late is of the family 'held_out'",
        ),
        (
            ["robust/augmentation=training_family", "+drift@robust.augmentation.injectors.lost=lost_events"],
            "lost is a drift of kind 'label'",
        ),
        (["robust/augmentation=training_family", "robust.augmentation.severities=[6]"], "severity is 6"),
    ],
)
def test_bad_input_is_told_in_words(command, small, tmp_path, words, told):
    done = command("run", *small, *words, f"runs_dir={tmp_path}", "stages=[prepare,fit]")
    assert done.code == 2, done.out
    assert told in done.err
    assert "Traceback" not in done.err


def test_a_run_of_before_is_evaluated_as_it_was(command, saved_run, tmp_path):
    shutil.copytree(saved_run.path, tmp_path / "copy")
    folder = RunFolder(tmp_path / "copy")
    config = folder.saved_config()
    del config["robust"]
    folder.config_file.write_text(yaml.safe_dump(config, sort_keys=False))
    done = command("run", f"run_dir={folder.path}", "stages=[evaluate]")
    assert done.code == 0, done.err
