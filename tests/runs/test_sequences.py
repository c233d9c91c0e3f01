"""Runs whose model reads what a user clicked before, from the command line."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from holdfast.app.prepared_run import PreparedRun
from holdfast.app.run_folder import RunFolder
from holdfast.data.recent_items import RECENT_GAPS, RECENT_ITEMS
from holdfast.serving.bundle import load_bundle
from holdfast.serving.scorer import Scorer

SMALL = (
    "data.num_users=150",
    "data.num_items=120",
    "data.num_topics=5",
    "data.num_days=20",
    "data.burn_in_days=5",
    "split.validation_days=2",
    "split.test_days=3",
    "split.maturity_days=3",
    "model.mixture.expert_widths=[8]",
    "model.mixture.num_experts=2",
    "model.ranker.tower_widths=[8]",
    "model.ranker.embedding_dim=4",
    "trainer.max_epochs=1",
    "trainer.batch_size=256",
    "tracking=local",
)
SERVING = (
    "policy=[retrained]",
    "simulation.num_days=3",
    "simulation.retrain_every_days=2",
    "simulation.window_days=8",
)


@pytest.fixture(scope="module")
def finished(command, tmp_path_factory) -> RunFolder:
    folder = tmp_path_factory.mktemp("run") / "run"
    words = ("history.recent_items=10", "model/sequence=causal_transformer")
    stages = "stages=[prepare,fit,simulate,export]"
    done = command("run", *SMALL, *SERVING, *words, stages, f"run_dir={folder}")
    assert done.code == 0, done.err + done.out
    assert "onnxruntime and PyTorch agree" in done.out
    return RunFolder(folder)


def test_the_bundle_scores_by_what_was_clicked_and_when(finished):
    rows = PreparedRun(finished.prepared).test_rows()
    rows = rows[rows[RECENT_ITEMS].map(len) >= 3]
    scorer = Scorer(load_bundle(finished.bundle))
    known = scorer.score(rows)["score"]
    for name in (RECENT_ITEMS, RECENT_GAPS):
        turned = rows.assign(**{name: rows[name].map(lambda values: values[::-1])})
        changed = (scorer.score(turned)["score"] - known).abs() > 1e-7
        # Lists of one item again and again, or of clicks close in time, read the same both ways.
        assert changed.mean() > 0.3, name
    empty = rows.assign(**dict.fromkeys((RECENT_ITEMS, RECENT_GAPS)))
    assert np.isfinite(scorer.score(empty)["score"]).all()


def test_the_signature_says_who_computes_the_lists(finished):
    signature = json.loads((finished.bundle / "signature.json").read_text(encoding="utf-8"))
    raw = {each["name"]: each for each in signature["rows"]}
    for name in (RECENT_ITEMS, RECENT_GAPS):
        assert (raw[name]["computed"], raw[name]["type"]) == ("trailing_history", "list of integer")


def test_it_serves_and_is_trained_again_in_a_closed_loop(finished):
    days = pd.read_parquet(finished.tables / "simulation_days.parquet")
    assert len(days) == 3
    assert (days["impressions"] > 0).all()


def test_settings_that_cannot_be_are_told(command, tmp_path):
    done = command("run", *SMALL, "history.recent_items=-2", f"run_dir={tmp_path / 'run'}")
    assert done.code != 0
    assert "history.recent_items is -2; it must be at least 0" in done.err
    words = ("model/sequence=causal_transformer", "model.sequence.num_heads=3", "stages=[prepare,fit]")
    done = command("run", *SMALL, *words, f"run_dir={tmp_path / 'run'}")
    assert done.code != 0
    assert "num_heads of the sequence encoder is 3, which does not divide embedding_dim, 4" in done.err
