from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from holdfast.app.closed_loop_reporting import closed_loop_section, told_the_truth, worth
from holdfast.app.run_folder import RunFolder

CONFIG = {
    "simulation": {"value": {"click_value": 1.0, "second_value": 0.0, "visit_value": 2.5}, "level": 0.9},
    "policy": {
        "uniform": {"scorer": None, "exploration": {"_target_": "x.Y"}},
        "mark": {"scorer": {"_target_": "holdfast.simulation.policies.oracles.MyopicOracle"}},
        "gone": {"scorer": {"_target_": "holdfast.no_such_module.Scorer"}},
        "ours": {"scorer": {"_target_": "holdfast.simulation.policy.ItemScores"}},
        "dropped": None,
    },
}


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    made = RunFolder(tmp_path / "run")
    made.start("name: made\n")
    made.tables.mkdir()
    days = pd.DataFrame({"seed": [0], "contender": ["uniform"], "day": [1]})
    days.to_parquet(made.tables / "simulation_days.parquet")
    return made


def test_only_a_finished_simulation_is_told_of(folder: RunFolder) -> None:
    assert closed_loop_section(folder, CONFIG) is None
    folder.mark("simulate", done=True)
    section = closed_loop_section(folder, CONFIG)
    assert section is not None
    assert section.days["contender"].tolist() == ["uniform"]
    assert section.calibration.empty
    assert section.summary.empty
    assert section.sees_truth == ("mark",)
    assert section.level == 0.9
    assert section.worth == "a click counts 1, a day with a visit counts 2.5"


def test_who_is_told_the_truth_is_seen_in_the_class() -> None:
    assert told_the_truth(CONFIG["policy"]) == ("mark",)
    assert told_the_truth({}) == ()


def test_what_counts_nothing_is_not_named() -> None:
    assert worth({"click_value": 0.0, "second_value": 0.01}) == "a second of dwell counts 0.01"
    assert worth({}) == ""
