"""The stage counterfactual, from the command line: what it leaves, how it goes on, and what it refuses."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from holdfast.app.counterfactual.checks import other_runs
from holdfast.app.run_folder import RunFolder
from holdfast.core.errors import UserError

TINY_MODEL = (
    "model.mixture.expert_widths=[8]",
    "model.mixture.num_experts=2",
    "model.ranker.tower_widths=[8]",
    "model.ranker.embedding_dim=4",
    "trainer.max_epochs=1",
    "tracking=local",
)
TINY = (
    *TINY_MODEL,
    "data.num_users=200",
    "data.num_items=120",
    "data.num_topics=5",
    "data.num_days=20",
    "data.burn_in_days=5",
    "data.candidates=8",
    "data.slots=3",
    "data.exploration=1.0",
    "data.log_candidates=true",
    "split.validation_days=2",
    "split.test_days=4",
    "split.maturity_days=3",
    "evaluation.num_resamples=20",
)
AGAIN = "stages=[counterfactual]"


@pytest.fixture(scope="module")
def asked(command, tmp_path_factory) -> RunFolder:
    folder = tmp_path_factory.mktemp("run") / "run"
    stages = "stages=[prepare,fit,evaluate,counterfactual,export,report]"
    done = command("run", *TINY, stages, f"run_dir={folder}")
    assert done.code == 0, done.err + done.out
    assert "counterfactual click: logged" in done.out
    return RunFolder(folder)


@pytest.fixture
def copied(asked, tmp_path) -> RunFolder:
    shutil.copytree(asked.path, tmp_path / "copy")
    return RunFolder(tmp_path / "copy")


def metrics_of(folder: RunFolder) -> dict:
    return json.loads(folder.metrics_file.read_text())


def table(folder: RunFolder, name: str = "") -> pd.DataFrame:
    return pd.read_parquet(folder.tables / f"counterfactual{name}.parquet")


def test_it_leaves_tables_metrics_and_a_part_of_the_report(asked):
    values, metrics = table(asked), metrics_of(asked)
    assert set(values["objective"]) == {"click", "dwell", "retention", "utility"}
    assert set(values["policy"]) == {"behavior", "trained"}
    answers = values[values["status"] == "ok"]
    assert "dr" in set(answers["estimator"]), values["status"].tolist()
    for row in answers.to_dict("records"):
        policy = f"{row['policy']}_minus_{row['versus']}" if row["versus"] else row["policy"]
        metric = metrics[f"counterfactual/{policy}/{row['objective']}/{row['estimator']}"]
        assert (metric["value"], metric["note"]) == (pytest.approx(row["value"]), "")
    assert any(name.startswith("test/") for name in metrics), "what evaluate measured stays"
    page = asked.report_file.read_text()
    assert 'id="counterfactual"' in page
    assert "the stage counterfactual has not been run" not in page


def test_the_logged_mean_is_that_of_the_test_window(asked):
    rows = pd.read_parquet(asked.prepared / "rows_test.parquet")
    values = table(asked).query("policy == 'behavior'").set_index("objective")["value"]
    assert values["click"] == pytest.approx(rows["click"].mean())
    assert values["dwell"] == pytest.approx(rows["dwell_seconds"].fillna(0.0).mean(), rel=1e-3)
    day = rows["shown_at"].dt.floor("D")
    back = rows["next_visit_at"].dt.floor("D") - day == pd.Timedelta(1, "D")
    assert values["retention"] == pytest.approx(back.mean()), "all has matured"
    utility = values["click"] + 0.01 * values["dwell"] + values["retention"]
    assert values["utility"] == pytest.approx(utility)


def test_uniform_asked_of_a_uniform_log_is_the_logged_mean(copied, command):
    uniform = "policy/exploration@counterfactual.exploration=uniform"
    # Other settings are not what was done before, also where one goes on.
    done = command("run", f"run_dir={copied.path}", "resume=true", AGAIN, uniform)
    assert done.code == 0, done.err + done.out
    assert "counterfactual done before" not in done.out
    values = table(copied).query("objective == 'click' and versus == ''").set_index("estimator")["value"]
    assert values["ips"] == pytest.approx(values["logged_mean"], rel=1e-9)
    slots = table(copied, "_overlap")
    np.testing.assert_allclose(slots["mean_weight"], 1.0, rtol=1e-9)
    np.testing.assert_allclose(slots["effective_sample_size"], slots["rows"], rtol=1e-9)
    config = copied.saved_config()["counterfactual"]["exploration"]
    assert config["_target_"].endswith("UniformSlates")


def test_another_run_is_compared_pair_by_pair(asked, copied, command):
    done = command("run", f"run_dir={copied.path}", AGAIN, f"counterfactual.others=[{asked.path}]")
    assert done.code == 0, done.err + done.out
    values = table(copied)
    name = f"adhoc-{asked.path.name}"
    pair = values[(values["policy"] == name) & (values["versus"] == "trained")]
    # The same model as a bundle: the difference is one of rounding.
    assert len(pair) == 16
    np.testing.assert_allclose(pair["value"].to_numpy(dtype=float), 0.0, atol=1e-3)
    assert f"counterfactual/{name}/click/dr" in metrics_of(copied)


def test_evaluating_again_keeps_what_was_said_and_fitting_again_does_not(copied, command):
    before = metrics_of(copied)
    assert command("run", f"run_dir={copied.path}", "stages=[evaluate]").code == 0
    assert metrics_of(copied) == before
    assert command("run", f"run_dir={copied.path}", "stages=[fit,evaluate]").code == 0
    assert not any(name.startswith("counterfactual/") for name in metrics_of(copied))
    assert not copied.is_done("counterfactual")


def test_the_order_alone_is_asked_of_uniform_slates(copied, command):
    done = command("run", f"run_dir={copied.path}", AGAIN, "counterfactual.candidates=shown")
    assert done.code == 0, done.err + done.out
    about = json.loads(copied.counterfactual_file.read_text())["about"]
    assert about["candidates_of_a_request"] == [3, 3]
    weights = table(copied, "_overlap")["mean_weight"]
    assert (weights - 1.0).abs().max() < 0.2


def test_what_is_no_run_or_was_not_exported_cannot_be_compared(copied):
    with pytest.raises(UserError, match="nowhere holds no run; name the folder"):
        other_runs(["nowhere"])
    copied.mark("export", done=False)
    with pytest.raises(UserError, match="was not exported"):
        other_runs([str(copied.path)])


def test_a_world_without_candidates_is_refused_before_it_is_read(command, tmp_path):
    """One refusal as a user meets it; the others are tested where they are made."""
    words = [word for word in TINY if "log_candidates" not in word]
    done = command("run", *words, "stages=[prepare,fit,counterfactual]", f"run_dir={tmp_path / 'run'}")
    assert done.code != 0
    assert "start a new run with data.log_candidates=true" in " ".join(done.err.split())
    assert not (tmp_path / "run" / "prepared").exists()


def test_a_policy_of_few_clicks_and_large_weights_is_not_judged(command, tmp_path):
    """Open Bandit, from the log of a sampling policy: a dozen clicks, weights in the dozens."""
    default = Path(__file__).parents[3] / "shared" / "data"
    root = Path(os.environ.get("HOLDFAST_SHARED_DATA", default)) / "open_bandit_small"
    if not root.is_dir():
        pytest.skip(f"no {root}; set HOLDFAST_SHARED_DATA to run this")
    words = ("data=open_bandit", f"data.root={root}", "data.campaign=men", "data.policy=bts")
    stages = "stages=[prepare,fit,counterfactual]"
    done = command("run", *words, *TINY_MODEL, stages, f"run_dir={tmp_path / 'r'}")
    assert done.code == 0, done.err + done.out
    assert "34 candidates each" in done.out
    assert "trained: the log cannot say: effective sample size" in done.out
    metrics = json.loads((tmp_path / "r" / "metrics.json").read_text())
    assert metrics["counterfactual/trained/click/dr"]["value"] is None
    # A dozen clicks do not carry an interval of the logged mean either.
    assert "decide the estimate" in metrics["counterfactual/behavior/click/logged_mean"]["note"]
