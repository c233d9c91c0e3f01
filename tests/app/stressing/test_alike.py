"""Numbers that were not measured alike are never put beside each other, and what differs is said."""

from __future__ import annotations

import pandas as pd
import pytest

from holdfast.app.metrics_file import write_stress
from holdfast.app.pareto_of_runs import pareto_of_runs
from holdfast.app.run_folder import RunFolder
from holdfast.app.stressing.comparing import best_run, compare_runs
from holdfast.app.stressing.records import prefixes_in, suite_of_prefix
from holdfast.app.stressing.settings import StressSettings
from holdfast.app.stressing.yardstick import Yardstick, differences
from holdfast.core.errors import UserError
from holdfast.core.files import read_json, write_json
from holdfast.evaluation.robustness.ship_score import SCORE_VERSION

PARTS = {
    "score_version": SCORE_VERSION,
    "suite": "standard",
    "ladders": {"noise": "Noise(scale=1)", "stuck": "Stuck()"},
    "seeds": [0, 1, 2],
    "windows": {"test": {"start": "2024-01-20", "end": "2024-01-26"}},
    "reference": {"version": 1, "fusion": "WeightedProduct()"},
}


@pytest.fixture
def make_run(tmp_path):
    def make(name, score=1.0, *, skill=(40.0, 30.0), suite="standard", held_out=False, log="f00d", **parts):
        folder = RunFolder(tmp_path / name)
        if not folder.is_run:
            folder.start(
                "name: x\nseed: 0\nhorizon_days: 7\nsplit: {test_days: 4}\nfusion: {_target_: a.B}\n"
            )
            write_json(folder.manifest_file, {"data_fingerprint": log})
        prefix = StressSettings(name=suite, held_out=held_out).prefix
        yardstick = Yardstick({**PARTS, "suite": suite, **parts})
        folder.stress.mkdir(exist_ok=True)
        folder.tables.mkdir(exist_ok=True)
        summary = {
            "fingerprint": "model",
            "suite": suite,
            "held_out": held_out,
            "suite_fingerprint": yardstick.fingerprint,
            "yardstick": yardstick.parts,
            "qualities": {"click": "click/auc"},
            "ship_score": {"value": score, "low": None, "high": None},
        }
        write_json(folder.stress / f"{prefix}.json", summary)
        curve = {"output": "click", "scored": True, "clean_skill": skill[0], "area": skill[1]}
        pd.DataFrame([curve]).to_parquet(folder.tables / f"{prefix}_curves.parquet")
        entry = {"value": score, "low": None, "high": None, "note": "", "held_out": held_out}
        entry["suite_fingerprint"] = yardstick.fingerprint
        write_stress(folder, {f"{prefix}/ship_score": entry}, prefix=prefix, fingerprint="model")
        for stage in ("evaluate", "stress"):
            folder.mark(stage, done=True)
        return folder.path

    return make


def test_a_fingerprint_changes_with_every_part_and_with_nothing_else():
    same = Yardstick(dict(reversed(list(PARTS.items()))))
    assert same.fingerprint == Yardstick(PARTS).fingerprint
    changed = [Yardstick({**PARTS, name: "another"}).fingerprint for name in PARTS]
    assert len({*changed, same.fingerprint}) == len(PARTS) + 1


def test_differences_name_each_part_with_both_values():
    other = {**PARTS, "seeds": [0], "ladders": {"noise": "Noise(scale=2)"}}
    assert list(differences(PARTS, PARTS)) == []
    assert list(differences(PARTS, other)) == [
        "ladders.noise (Noise(scale=1) against Noise(scale=2))",
        "ladders.stuck (Stuck() against nothing)",
        "seeds ([0, 1, 2] against [0])",
    ]


def test_runs_of_one_yardstick_are_compared_and_of_two_refused(make_run):
    runs = [make_run("a", 1.0), make_run("b", 2.0)]
    assert compare_runs(runs).runs["ship_score"].tolist() == [1.0, 2.0]
    assert best_run(runs, "stress/ship_score") == (runs[1], 2.0)
    later = {"test": {"start": "2024-01-20", "end": "2024-01-27"}}
    other = make_run("c", 9.0, windows=later)
    for refused in (
        lambda: compare_runs([*runs, other]),
        lambda: best_run([*runs, other], "stress/ship_score"),
        lambda: pareto_of_runs(
            [str(runs[0]), str(other)], metrics=["stress/ship_score", "stress/ship_score"]
        ),
    ):
        with pytest.raises(UserError) as found:
            refused()
        assert "They differ in windows.test.end (2024-01-26 against 2024-01-27)." in str(found.value)
        assert "Stress both by one suite" in str(found.value)


def test_a_run_without_a_value_is_left_out_and_counted(make_run):
    nan = float("nan")
    runs = [make_run(str(place), skill=(40.0 + place, 30.0 + place**2)) for place in range(3)]
    whole = compare_runs(runs)
    found = compare_runs([*runs, make_run("undefined", skill=(99.0, nan))])
    assert (found.stability["click"].num_models, found.stability["click"].num_left_out) == (3, 1)
    assert found.stability["click"].tau == whole.stability["click"].tau == 1.0
    residuals = found.outputs["effective_robustness"]
    assert residuals.iloc[:3].tolist() == whole.outputs["effective_robustness"].tolist()
    assert pd.isna(residuals.iloc[3])


def test_suites_stand_side_by_side_and_compare_picks_one_that_all_have(make_run):
    for name in ("a", "b"):
        for suite, held_out in (("held_out", True), ("mine", False), ("quick", False)):
            make_run(name, suite=suite, held_out=held_out)
    runs = [make_run(name, suite="quick") for name in ("a", "b")]
    assert prefixes_in(RunFolder(runs[0])) == ["stress_mine", "stress_quick", "stress_held_out"]
    assert compare_runs(runs, suite="quick").suite == "quick"
    assert compare_runs(runs, held_out=True).suite == "held_out"
    make_run("a")
    assert prefixes_in(RunFolder(runs[0]))[0] == "stress"
    assert compare_runs(runs).suite == "mine", "b has no standard one, and held-out ones are asked for"
    make_run("b")
    assert compare_runs(runs).suite == "standard"
    names = set(read_json(RunFolder(runs[0]).metrics_file))
    assert names == {f"{each}/ship_score" for each in prefixes_in(RunFolder(runs[0]))}
    for metric in ("stress_held_out/ship_score", "stress_held_out_other/ship_score"):
        with pytest.raises(UserError, match="nothing is chosen or tuned by it"):
            best_run(runs, metric)
    with pytest.raises(UserError, match="nothing is chosen by it"):
        pareto_of_runs(
            [str(each) for each in runs], metrics=["stress_held_out/ship_score", "stress/ship_score"]
        )
    with pytest.raises(UserError, match="--suite=a/b"):
        compare_runs(runs, suite="a/b")


def test_numbers_of_an_older_version_are_dropped_by_the_next_suite_and_refused_until_then(make_run):
    runs = [make_run("a"), make_run("b", score_version=SCORE_VERSION - 1)]
    for refused in (lambda: compare_runs(runs), lambda: best_run(runs, "stress/ship_score")):
        with pytest.raises(UserError, match="Stress it again: holdfast run run_dir="):
            refused()
    make_run("b", suite="quick")
    assert set(read_json(runs[1] / "metrics.json")) == {"stress_quick/ship_score"}
    assert prefixes_in(RunFolder(runs[1])) == ["stress_quick"]


def test_other_metrics_want_one_log_and_one_window(make_run):
    runs = [make_run("a"), make_run("b"), make_run("c", log="beef")]
    windows = {"train": "1", "validation": "2", "test": "3"}
    for place, run in enumerate(runs[:2]):
        write_json(run / "metrics.json", {"validation/x": {"value": place}, "test/x": {"value": place}})
        folder = RunFolder(run).prepared
        folder.mkdir()
        # Another train window is another model, not another yardstick.
        bounds = {name: {"window": {"start": day}, "rows": 10} for name, day in windows.items()}
        bounds["train"]["window"]["start"] = str(place)
        if place:
            bounds["test"]["window"]["start"] = "4"
        write_json(folder / "summary.json", {"objectives": [], "card": {}, "log": {}, "windows": bounds})
    write_json(runs[2] / "metrics.json", {"validation/x": {"value": 5.0}})
    assert best_run(runs[:2], "validation/x") == (runs[1], 1.0)
    with pytest.raises(UserError, match=r"window\.test\.start \(3 against 4\)"):
        best_run(runs[:2], "test/x")
    with pytest.raises(UserError, match=r"data \(f00d against beef\)"):
        best_run([runs[0], runs[2]], "validation/x")


@pytest.mark.parametrize(
    ("name", "held_out", "prefix"),
    [
        ("standard", False, "stress"),
        ("quick", False, "stress_quick"),
        ("held_out", True, "stress_held_out"),
        ("last", True, "stress_held_out_last"),
    ],
)
def test_a_suite_has_a_prefix_of_its_own(name, held_out, prefix):
    assert StressSettings(name=name, held_out=held_out).prefix == prefix
    assert suite_of_prefix(prefix) == name


@pytest.mark.parametrize("name", ["", "a b", "../a", "days", "my_curves", "held_out", "held_out_2"])
def test_a_name_that_would_write_over_another_suite_is_refused(name):
    with pytest.raises(ValueError, match="name is"):
        StressSettings(name=name)
