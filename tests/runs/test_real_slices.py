"""The public slices, where they are at hand: a report and a bundle, with no claim about quality."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from holdfast.app.run_folder import RunFolder

DEFAULT = Path(__file__).parents[3] / "shared" / "data"
SHARED = Path(os.environ.get("HOLDFAST_SHARED_DATA", DEFAULT))
EPOCHS = ("trainer.max_epochs=2", "evaluation.num_resamples=20", "tracking=local")


def slice_of(name):
    if not (SHARED / name).is_dir():
        pytest.skip(f"no {name} below {SHARED}; set HOLDFAST_SHARED_DATA to run this")
    return SHARED / name


def test_ebnerd_ends_with_a_report_and_a_bundle(command, tmp_path):
    root, run_dir = slice_of("ebnerd_slice"), tmp_path / "r"
    done = command("run", "data=ebnerd", f"data.root={root}", *EPOCHS, f"run_dir={run_dir}")
    assert done.code == 0, done.err
    assert "10,848 impressions, 38 users" in done.out
    assert command("export", str(run_dir / "bundle"), "--check").code == 0
    page = (run_dir / "report.html").read_text()
    assert "No propensities were logged" in page
    assert "too few for the intervals" in page, "38 users must not look like evidence"
    metrics = json.loads((run_dir / "metrics.json").read_text())
    assert metrics["test/retention/d1/auc"]["n"] < 100
    assert not any(name.endswith("/ipw") for name in metrics)


def test_open_bandit_is_weighted_by_its_own_propensities_and_ranks_nothing(command, tmp_path):
    root, run_dir = slice_of("open_bandit_small"), tmp_path / "r"
    words = ["data=open_bandit", f"data.root={root}", "data.campaign=men", "data.policy=bts"]
    done = command("run", *words, *EPOCHS, f"run_dir={run_dir}")
    assert done.code == 0, done.err
    assert "no dwell head" in done.out
    assert "no retention head" in done.out
    metrics = json.loads(RunFolder(run_dir).metrics_file.read_text())
    assert metrics["test/click/auc/ipw"]["value"] is not None
    assert metrics["test/ranking/ndcg@5"]["value"] is None, "single impressions have no order"
