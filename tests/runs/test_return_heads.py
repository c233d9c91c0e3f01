"""A run whose heads want other outcomes than were prepared: what it learns from, measures and exports."""

from __future__ import annotations

import json


def test_it_says_what_was_imputed_and_whether_the_assumptions_stand(heads_run) -> None:
    made = json.loads((heads_run.fit / "summary.json").read_text())["targets"]["retention"]
    assert made["target"] == "surrogate_index"
    assert 0 < made["imputed_rows"]["train"] < made["known_rows"]["train"]
    # The world's policy explores at random, so surrogacy can be tested on how much it did.
    assert 0.0 <= made["tests"]["surrogacy"] <= 1.0
    assert set(made["tests"]) == {"surrogacy", "comparability"}
    report = heads_run.report_file.read_text()
    for warning in made["warnings"]:
        assert warning.split("(")[0].strip() in report.lower()


def test_it_is_measured_at_its_horizon_alone_and_within_users(heads_run) -> None:
    metrics = json.loads(heads_run.metrics_file.read_text())
    horizons = {name.split("/")[2] for name in metrics if name.startswith("test/retention/")}
    assert horizons == {"d7"}
    for name in ("auc", "auc_by_user", "auc_given_baseline", "slope_within", "log_loss"):
        assert metrics[f"test/retention/d7/{name}"]["value"] is not None


def test_the_bundle_gives_the_models_numbers(heads_run) -> None:
    record = json.loads((heads_run.path / "export.json").read_text())
    assert record["max_scaled_difference"] <= record["tolerance"]


def test_a_horizon_beyond_what_was_watched_is_refused_before_training(command, small, tmp_path) -> None:
    done = command(
        "run",
        *small,
        "model/heads/retention=bernoulli_horizon",
        "horizon_days=25",
        "split.maturity_days=1",
        f"run_dir={tmp_path / 'run'}",
    )
    assert done.code == 2
    assert "needs training rows that were watched for 25 days" in done.err
    assert not (tmp_path / "run" / "fit").exists()
