"""The stage stress, from the command line: what it leaves, how it goes on, and what it refuses."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pandas as pd
import pytest

from holdfast.app.run_folder import RunFolder
from holdfast.evaluation.robustness.ship_score import PARTS

STAGES = "stages=[prepare,fit,evaluate,stress,report]"
AGAIN = "stages=[stress]"
FEW = ("stress.severities=[3,5]", "stress.only=[missing_at_random,segment_remix,clickbait_fatigue]")


@pytest.fixture(scope="module")
def stressed(new_run) -> RunFolder:
    return new_run([STAGES, *FEW])


@pytest.fixture
def copied(stressed, tmp_path) -> RunFolder:
    shutil.copytree(stressed.path, tmp_path / "run")
    return RunFolder(tmp_path / "run")


def metrics(folder: RunFolder) -> dict:
    return json.loads(folder.metrics_file.read_text())


def summary(folder: RunFolder, name: str = "stress_quick") -> dict:
    return json.loads((folder.stress / f"{name}.json").read_text())


def test_severity_0_is_what_the_stage_evaluate_measured(stressed):
    found = metrics(stressed)
    clean = {
        name.removeprefix("stress_quick/clean/"): each for name, each in found.items() if "/clean/" in name
    }
    assert {"click/auc", "dwell/xauc", "retention/d1/auc", "ranking/ndcg_dwell@5"} <= set(clean)
    for name, each in clean.items():
        assert each["value"] == pytest.approx(found[f"test/{name}"]["value"], abs=1e-9), name


def test_the_clean_value_stands_beside_every_other(stressed):
    found = metrics(stressed)
    stressed_names = [name for name in found if "/severity_" in name]
    assert any(name.startswith("stress_quick/missing_at_random/severity_5/dwell/") for name in stressed_names)
    for name in stressed_names:
        clean = found["stress_quick/clean/" + name.split("/", 3)[3]]
        assert found[name]["clean"] == clean["value"]
        low, high = found[name]["low"], found[name]["high"]
        assert found[name]["value"] is None or low <= high


def test_parts_and_outputs_add_up_to_the_ship_score(stressed):
    score = summary(stressed)["ship_score"]
    signs = dict.fromkeys(PARTS, -1.0) | {"clean_lift": 1.0}
    for each in (score, *score["by_output"].values()):
        assert each["value"] == pytest.approx(
            sum(sign * each["parts"][part]["value"] for part, sign in signs.items())
        )
    by_output = [each["value"] for each in score["by_output"].values()]
    assert score["value"] == pytest.approx(np.mean(by_output))
    assert metrics(stressed)["stress_quick/ship_score"]["value"] == score["value"]


def test_a_world_drifts_itself_and_the_surrogate_is_left_out_with_its_reason(stressed):
    found = summary(stressed)
    assert found["ladders"]["world_clickbait_fatigue"]["drift"] == "true"
    assert "true drift world_clickbait_fatigue stands in for it" in found["left_out"]["clickbait_fatigue"]
    assert found["left_out"]["noise"] == "not among stress.only"
    # Interest and promises move clicks less and less: clicks become harder to tell.
    table = pd.read_parquet(stressed.tables / "stress_quick.parquet")
    auc = table[(table["injector"] == "world_clickbait_fatigue") & (table["metric"] == "click/auc")]
    rate = table[(table["injector"] == "world_clickbait_fatigue") & (table["metric"] == "click/calibration")]
    assert auc["value"].nunique() == 3
    assert rate["value"].iloc[-1] != rate["value"].iloc[0]


def test_tables_days_slices_report_and_cost(stressed):
    days = pd.read_parquet(stressed.tables / "stress_quick_days.parquet")
    assert sorted(days["days_since_training"].unique()) == [4, 5, 6, 7]
    assert set(pd.read_parquet(stressed.tables / "stress_quick_slices.parquet")["metric"]) >= {"click/auc"}
    curves = pd.read_parquet(stressed.tables / "stress_quick_curves.parquet")
    assert set(curves["injector"]) == {"missing_at_random", "segment_remix", "world_clickbait_fatigue"}
    page = stressed.report_file.read_text()
    assert "Ship score" in page
    assert "What each ladder did" in page
    cost = summary(stressed)["cost"]
    assert cost["scenarios"] == 6
    assert cost["total_seconds"] >= cost["forward_seconds"] > 0
    assert cost["ratio"] == pytest.approx(cost["total_seconds"] / cost["forward_seconds"])
    apart = cost["worlds_seconds"] + cost["strength_seconds"]
    assert cost["everything_seconds"] == pytest.approx(cost["total_seconds"] + apart)
    assert cost["worlds_seconds"] > 0
    assert cost["strength_seconds"] > 0


def test_every_rung_says_how_strong_it_came_out(stressed):
    table = pd.read_parquet(stressed.tables / "stress_quick_strength.parquet").set_index(
        ["injector", "severity"]
    )
    assert len(table) == 6
    missing, remix, world = "missing_at_random", "segment_remix", "world_clickbait_fatigue"
    assert table.loc[(missing, 5), "domain_auc"] >= table.loc[(missing, 3), "domain_auc"] > 0.7
    assert table.loc[(remix, 5), "domain_auc"] > table.loc[(remix, 3), "domain_auc"] > 0.5
    # The change of the true chance of a click, by the world itself; nothing else has a truth to be asked.
    assert table.loc[(world, 5), "click_change"] > table.loc[(world, 3), "click_change"] > 0.01
    assert table.loc[world, ["dwell_change", "return_change"]].notna().all(axis=None)
    assert table.loc[[missing, remix], "click_change"].isna().all()
    assert (table.loc[[missing, remix], "note"] != "").all()
    assert table.loc[(remix, 5), "effective_sample_size"] < table.loc[(remix, 3), "effective_sample_size"]
    assert table.loc[missing, "effective_sample_size"].isna().all()
    notes = summary(stressed)["ladders"][world]["notes"]
    assert any("ran again under its own seed" in each for each in notes)


def test_strength_can_be_switched_off_and_asked_for_later(copied, command):
    shutil.rmtree(copied.stress)
    words = ("run", f"run_dir={copied.path}", AGAIN, "stress.severities=[3]", "stress.only=[noise]")
    done = command(*words, "stress.strength_rows=0")
    assert done.code == 0, done.err
    assert "how strong" not in done.out
    table = pd.read_parquet(copied.tables / "stress_quick_strength.parquet")
    assert table["domain_auc"].isna().all()
    assert table["note"].tolist() == ["not measured: stress.strength_rows is 0"]
    asked = command(*words)
    assert "1 scenarios: " in asked.out
    assert pd.read_parquet(copied.tables / "stress_quick_strength.parquet")["domain_auc"].notna().all()
    assert "1 scenarios, 1 of them there already" in command(*words, "stress.strength_rows=0").out


def test_what_is_there_already_is_not_measured_again_and_says_the_same(copied, command):
    kept = next((copied.stress / "scenarios").iterdir())
    before, names = metrics(copied), {path.name: path.stat().st_mtime_ns for path in kept.iterdir()}
    gone, cut = sorted(names)[:2]
    (kept / gone).unlink()
    (kept / cut).write_bytes((kept / cut).read_bytes()[:100])  # as a failing disk leaves it
    done = command("run", f"run_dir={copied.path}", AGAIN, *FEW)
    assert done.code == 0, done.err
    assert "4 of them there already" in done.out
    after = {path.name: path.stat().st_mtime_ns for path in kept.iterdir()}
    assert {name for name in names if after[name] != names[name]} == {gone, cut}
    assert metrics(copied) == before


def test_a_killed_suite_goes_on(copied, process, command, tmp_path):
    shutil.rmtree(copied.stress)
    words = ["run", f"run_dir={copied.path}", AGAIN, *FEW]
    running = process(*words, folder=tmp_path)
    while not list(copied.stress.rglob("*.npz")):
        assert running.poll() is None, running.communicate()[0]
    running.kill()
    running.communicate()
    assert not copied.is_done("stress")
    num_there = len(list(copied.stress.rglob("[!.]*.npz")))
    assert 0 < num_there < 6
    done = command(*words)
    assert done.code == 0, done.err
    assert f"{num_there} of them there already" in done.out


def test_a_held_out_suite_is_marked_kept_apart_and_never_chosen_by(copied, command):
    words = (f"run_dir={copied.path}", AGAIN, "stress=held_out", "stress.severities=[5]", "stress.seeds=[0]")
    done = command("run", *words, "stress.only=[swapped_columns,bots]")
    assert done.code == 0, done.err
    assert "nothing may be chosen by it" in done.out
    found = metrics(copied)
    assert found["stress_held_out/ship_score"]["held_out"] is True
    assert found["stress_quick/ship_score"]["value"] is not None
    assert "stress_held_out/bots/severity_5/click/auc" in found
    assert summary(copied, "stress_held_out")["ladders"]["bots"]["scored"] is False
    refused = command("compare", str(copied.path), "--best-by=stress_held_out/ship_score")
    assert refused.code == 2
    assert "nothing is chosen or tuned by it" in refused.err
    chosen = command("compare", str(copied.path), "--best-by=stress_quick/ship_score")
    assert (chosen.code, str(copied.path) in chosen.out) == (0, True)


def test_every_number_says_what_it_was_measured_by(stressed):
    found = summary(stressed)
    marks = {each.get("suite_fingerprint") for name, each in metrics(stressed).items() if "stress" in name}
    assert marks == {found["suite_fingerprint"]}
    parts = found["yardstick"]
    assert (parts["suite"], parts["severities"], parts["seeds"]) == ("quick", [3, 5], [0])
    assert parts["worlds_run_again_for"] == ["world_clickbait_fatigue"]
    assert set(parts["windows"]) == {"train", "test", "held_out_of_them"}
    assert parts["judged_outputs"]["click"] == "click/auc"
    assert found["suite_fingerprint"] in stressed.report_file.read_text()


def test_runs_are_compared(stressed, copied, command):
    done = command("compare", str(stressed.path), str(copied.path))
    assert done.code == 0, done.err
    assert "Kendall's tau" in done.out
    assert f"suite quick, fingerprint {summary(stressed)['suite_fingerprint']}" in done.out
    alone = command("compare", str(stressed.path))
    assert (alone.code, "at least two runs" in alone.err) == (2, True)
    nowhere = command("compare", str(stressed.path), "nowhere")
    assert (nowhere.code, "was not stressed" in nowhere.err) == (2, True)
    other = command("compare", str(stressed.path), str(copied.path), "--suite=standard")
    assert (other.code, "it was by quick" in other.err) == (2, True)


def test_another_suite_keeps_the_numbers_of_the_first(copied, stressed, command):
    quick = {name: each for name, each in metrics(copied).items() if name.startswith("stress_quick/")}
    few = ["stress=standard", "stress.severities=[5]", "stress.seeds=[0]", "stress.only=[missing_at_random]"]
    done = command("run", f"run_dir={copied.path}", "stages=[stress,report]", *few)
    assert done.code == 0, done.err
    found = metrics(copied)
    assert {name: found[name] for name in quick} == quick
    assert found["stress/ship_score"]["suite_fingerprint"] == summary(copied, "stress")["suite_fingerprint"]
    assert (copied.tables / "stress.parquet").is_file()
    page = copied.report_file.read_text()
    assert "Ladders, suite standard" in page
    assert "Ladders, suite quick" in page
    both = [str(stressed.path), str(copied.path)]
    assert "suite quick" in command("compare", *both).out, "the one that both have"
    # One suite with other settings is another yardstick, and what differs is listed.
    again = command("run", f"run_dir={copied.path}", AGAIN, "stress.severities=[3]", FEW[1])
    assert again.code == 0, again.err
    for words in ([], ["--best-by=stress_quick/ship_score"]):
        refused = command("compare", *both, *words)
        assert refused.code == 2
        assert "were not measured alike" in refused.err
        assert "severities ([3, 5] against [3])" in refused.err
        assert "ladders" not in refused.err
    hint = command("compare", str(stressed.path), "--best-by=stress/ship_score")
    assert (hint.code, "it has stress_quick/ship_score" in hint.err) == (2, True)


def test_a_run_stressed_before_numbers_carried_fingerprints_is_to_be_stressed_again(
    copied, stressed, command
):
    old = summary(copied)
    del old["yardstick"], old["suite_fingerprint"]
    (copied.stress / "stress_quick.json").write_text(json.dumps(old))
    plain = {
        name: {key: value for key, value in each.items() if key != "suite_fingerprint"}
        for name, each in metrics(copied).items()
    }
    copied.metrics_file.write_text(json.dumps(plain))
    both = [str(stressed.path), str(copied.path)]
    for words in (
        ["compare", *both],
        ["compare", *both, "--best-by=stress_quick/ship_score"],
        ["run", f"run_dir={copied.path}", "stages=[report]"],
    ):
        refused = command(*words)
        assert refused.code == 2
        assert f"Stress it again: holdfast run run_dir={copied.path}" in refused.err
    chosen = command("compare", *both, "--best-by=validation/click/auc")
    assert chosen.code == 0, chosen.err


@pytest.mark.parametrize(
    "words",
    [["robust/ensemble=several", "robust.ensemble.members=2"], ["robust/averaging=swa"]],
    ids=["ensemble", "averaging"],
)
def test_several_models_as_one_and_averaged_weights_are_stressed_like_any_other(new_run, words):
    only = ["stress.only=[missing_at_random]", "stress.severities=[5]", "evaluation.num_resamples=0"]
    run = new_run([*words, "stages=[prepare,fit,evaluate,stress]", *only])
    score = summary(run)["ship_score"]
    assert np.isfinite(score["value"])
    assert set(score["by_output"]) == {"click", "dwell", "retention", "ranking"}
    # What is stressed is what evaluate judged: the models as one, or the averaged weights.
    found = metrics(run)
    clean = found["stress_quick/clean/click/auc"]["value"]
    assert clean == pytest.approx(found["test/click/auc"]["value"], abs=1e-9)
    assert found["stress_quick/missing_at_random/severity_5/click/auc"]["value"] != clean


def test_what_cannot_be_asked_of_a_saved_run_touches_nothing(copied, command):
    before = copied.config_file.read_bytes()
    refused = command("run", f"run_dir={copied.path}", AGAIN, "stress.only=[nois]")
    assert refused.code == 2
    assert "stress.only names 'nois', which the suite 'quick' does not hold" in refused.err
    assert copied.config_file.read_bytes() == before


def test_nothing_left_of_a_suite_is_an_error_that_counts_why(copied, command):
    words = ["stress.only=[noise]", "drift.noise.columns=[gone]"]
    refused = command("run", f"run_dir={copied.path}", AGAIN, *words)
    assert refused.code == 2
    assert "nothing of the suite 'quick' is left for this log: segment_remix" not in refused.out
    assert "nothing of the suite 'quick' is left for this log" in refused.err


def test_later_folds_show_decay_with_and_without_retraining(new_run, command):
    words = ["data.num_days=24", "split.num_folds=2", "split.test_days=2", "split.maturity_days=3"]
    words += ["horizon_days=3", "trainer.max_epochs=1", "stages=[prepare,fit,stress]"]
    only = ["stress.only=[noise]", "stress.severities=[5]"]
    later = new_run([*words, "split.fold=1", *only])
    first = new_run([*words, "split.fold=0", *only, f"stress.retrained=[{later.path}]"])
    days = pd.read_parquet(first.tables / "stress_quick_days.parquet")
    auc = days[days["metric"] == "click/auc"]
    mine = auc[auc["model"] == "this run"]
    assert mine["days_since_training"].tolist() == [4, 5, 6, 7]
    assert mine["window"].tolist() == ["test", "test", "later", "later"]
    again = auc[auc["model"] == "retrained"]
    assert again["days_since_training"].tolist() == [6, 7]
    assert again["day"].tolist() == mine["day"].tolist()[2:]
    # The successor has seen two days more, so it is another model, judged by the same rows.
    assert again["n"].tolist() == mine["n"].tolist()[2:]
    assert again["value"].tolist() != mine["value"].tolist()[2:]
    refused = command("run", f"run_dir={later.path}", AGAIN, *only, f"stress.retrained=[{first.path}]")
    assert (refused.code, "was trained no later than this run" in refused.err) == (2, True)
