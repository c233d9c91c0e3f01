from __future__ import annotations

import json
from pathlib import Path

from holdfast.app.metrics_file import flat, write_counterfactual, write_evaluation, write_stress
from holdfast.app.run_folder import RunFolder
from holdfast.core.files import write_json
from holdfast.evaluation.robustness.ship_score import SCORE_VERSION

CLICK = {"value": 0.7, "low": 0.6, "high": 0.8}
SAID = {"value": None, "low": None, "high": None}


def folder_of(path: Path, *done: str) -> RunFolder:
    folder = RunFolder(path)
    folder.start("name: x\n")
    for stage in done:
        folder.mark(stage, done=True)
    return folder


def names(folder: RunFolder) -> list[str]:
    return list(json.loads(folder.metrics_file.read_text()))


def test_each_stage_replaces_its_own_part_in_the_same_order(tmp_path):
    folder = folder_of(tmp_path, "evaluate", "counterfactual")
    write_counterfactual(folder, {"counterfactual/a/click/dr": SAID})
    write_evaluation(folder, {"test/click/auc": CLICK})
    assert names(folder) == ["test/click/auc", "counterfactual/a/click/dr"]
    write_counterfactual(folder, {"counterfactual/b/click/dr": SAID})
    assert names(folder) == ["test/click/auc", "counterfactual/b/click/dr"]


def test_what_a_stage_left_that_no_longer_holds_is_dropped(tmp_path):
    folder = folder_of(tmp_path, "counterfactual")
    write_counterfactual(folder, {"counterfactual/a/click/dr": SAID})
    folder.mark("counterfactual", done=False)
    write_evaluation(folder, {"test/click/auc": CLICK})
    assert names(folder) == ["test/click/auc"]


def test_suites_keep_apart_and_those_of_another_model_are_dropped_and_named(tmp_path):
    folder = folder_of(tmp_path, "stress")
    for prefix, model in (("stress", "old"), ("stress_quick", "new")):
        record = {
            "fingerprint": model,
            "suite_fingerprint": "f",
            "yardstick": {"score_version": SCORE_VERSION},
        }
        folder.stress.mkdir(exist_ok=True)
        write_json(folder.stress / f"{prefix}.json", record)
    write_json(folder.metrics_file, {f"{name}/ship_score": SAID for name in ("stress", "stress_quick")})
    mine = {"stress_held_out/ship_score": CLICK}
    assert write_stress(folder, mine, prefix="stress_held_out", fingerprint="new") == ["stress"]
    assert names(folder) == ["stress_quick/ship_score", "stress_held_out/ship_score"]
    assert not (folder.stress / "stress.json").exists()
    write_evaluation(folder, {"test/click/auc": CLICK})
    assert names(folder) == ["test/click/auc", "stress_quick/ship_score", "stress_held_out/ship_score"]


def test_a_tracker_gets_one_number_a_name():
    assert flat({"m": CLICK}) == {"m": 0.7, "m/low": 0.6, "m/high": 0.8}
    assert flat({"m": SAID}) == {"m": None, "m/low": None, "m/high": None}
