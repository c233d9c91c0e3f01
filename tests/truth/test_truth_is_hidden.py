"""Nothing that trains, serves or reads a log can see a world's truth."""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import holdfast
from holdfast.core.errors import UserError
from holdfast.data.canonical import COLUMN_NAMES
from holdfast.data.log import Log
from holdfast.data.readers.parquet import ParquetLog
from holdfast.simulation.closed_loop import ClosedLoop, Schedule, morning_after
from holdfast.simulation.items import Items
from holdfast.simulation.policies.assembly import assembled
from holdfast.simulation.policies.epsilon_greedy import EpsilonGreedySlates
from holdfast.simulation.policies.rows import RowsScored
from holdfast.simulation.policy import Policy
from holdfast.simulation.truth import read_truth
from holdfast.simulation.users import Users
from holdfast.simulation.world import DefaultWorld

PACKAGE = Path(holdfast.__file__).parent
# What knows the truth, as modules and as names.
TRUTH_MODULES = {"truth", "mechanisms", "state", "record", "visit_day", "day_files", "users", "items"}
TRUTH_NAMES = {"Truth", "read_truth", "truth_of", "Mechanisms", "CandidateTruth", "candidate_truth"}
TRUTH_ATTRIBUTES = {"truth", "mechanisms"}
OUTSIDE = sorted(path for path in PACKAGE.rglob("*.py") if "simulation" not in path.parts)
# They let worlds run, so a day passes through their hands; what trains, scores and judges is not among them.
REFEREES = {
    f"app/simulating/{name}.py"
    for name in (
        "arena",
        "contender_folder",
        "model_server",
        "predictions",
        "scene",
        "served_features",
        "server",
        "serving",
    )
}

# They say how strong a drift of the world itself came out; neither the ranker nor any score sees it.
MEASURES_OF_DRIFT = {"app/stressing/strength.py", "app/stressing/world_window.py"}


def glimpses(source: str) -> list[str]:
    """Everything in a module's source that reaches for the truth of a world."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [each.name for each in node.names if _knows(each.name)]
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            names = {each.name for each in node.names}
            found += [module] if _knows(module) else []
            if module.startswith("holdfast.simulation"):
                found += sorted(names & (TRUTH_NAMES | TRUTH_MODULES))
        elif isinstance(node, ast.Attribute) and node.attr in TRUTH_ATTRIBUTES | TRUTH_NAMES:
            found.append(f".{node.attr}")
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and _knows(node.value):
            found.append(repr(node.value))  # for importlib
    return found


def _knows(module: str) -> bool:
    parts = module.split(".")
    return parts[:2] == ["holdfast", "simulation"] and bool(TRUTH_MODULES & set(parts[2:3]))


def test_the_search_finds_what_it_looks_for():
    assert glimpses("from holdfast.simulation.truth import read_truth") == [
        "holdfast.simulation.truth",
        "read_truth",
    ]
    assert glimpses("import holdfast.simulation.state as s") == ["holdfast.simulation.state"]
    assert glimpses("from holdfast.simulation import truth") == ["truth"]
    assert glimpses("labels = world.simulate().truth.visits") == [".truth"]
    assert glimpses("importlib.import_module('holdfast.simulation.truth')") == ["'holdfast.simulation.truth'"]
    assert glimpses("from holdfast.simulation.world import DefaultWorld\nDefaultWorld().read()") == []


def place(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


@pytest.mark.parametrize(
    "path", [path for path in OUTSIDE if place(path) not in REFEREES | MEASURES_OF_DRIFT], ids=place
)
def test_no_module_outside_simulation_reaches_for_the_truth(path: Path):
    assert glimpses(path.read_text(encoding="utf-8")) == []


def test_the_search_covers_what_trains():
    names = {path.relative_to(PACKAGE).parts[0] for path in OUTSIDE}
    assert {"app", "data", "evaluation", "models", "objectives", "serving", "training"} <= names
    searched = {place(path) for path in OUTSIDE} - REFEREES - MEASURES_OF_DRIFT
    assert {"app/simulating/training.py", "app/simulating/ensemble.py"} <= searched


def test_a_referee_is_named_only_where_it_has_to_be():
    for name in REFEREES | MEASURES_OF_DRIFT:
        assert glimpses((PACKAGE / name).read_text(encoding="utf-8")), name


def test_training_in_a_closed_loop_is_given_the_log_and_scoring_the_rows_and_nothing_else():
    world = DefaultWorld(num_users=150, num_items=120, num_days=5, burn_in_days=1)
    behavior = world.behavior_on(0)
    publication = world.publication(world.mechanisms(), behavior)
    known = {*COLUMN_NAMES, *(feature.name for feature in publication.card().features)}
    given: list[set[str]] = []

    def score(rows: pd.DataFrame) -> np.ndarray:
        given.append(set(rows.columns))
        return rows["editor_score"].fillna(0.0).to_numpy()

    def retrain(log: Log, day: int) -> Policy:
        given.append(set(log.frame.columns))
        scorer = RowsScored(model=score, publication=publication)
        return assembled(EpsilonGreedySlates(epsilon=0.1), [scorer], ranker="spy", version=day)

    morning = morning_after(publication, behavior, day=2)
    schedule = Schedule(first_day=2, num_days=3, every_days=1)
    ClosedLoop(publication, morning, behavior, schedule=schedule, retrain=retrain).finish()
    assert len(given) > 4
    for columns in given:
        assert columns <= known, columns - known


def test_only_the_application_knows_of_worlds_at_all():
    for path in OUTSIDE:
        imports = "holdfast.simulation" in path.read_text(encoding="utf-8")
        assert not imports or path.relative_to(PACKAGE).parts[0] == "app", path


def test_a_reader_finds_the_log_and_never_the_truth(tmp_path: Path):
    world = DefaultWorld(num_users=100, num_items=120, num_days=3, burn_in_days=1)
    world.write(tmp_path / "log", truth=tmp_path / "truth")
    log = ParquetLog(root=str(tmp_path / "log")).read()
    truth = read_truth(tmp_path / "truth")
    hidden = {*truth.impressions.columns, "slate_propensity", "candidates", "hazard"}
    hidden |= {"satisfaction_before", "satisfaction_after", *Users.__annotations__, *Items.__annotations__}
    assert len(hidden) > 15
    assert hidden.isdisjoint(log.frame.columns)
    for folder in (tmp_path / "truth", tmp_path):
        with pytest.raises(UserError, match="no dataset card"):
            ParquetLog(root=str(folder)).read()


def test_no_feature_is_a_true_number_under_another_name(tmp_path: Path):
    """Every numeric column of the log differs from every hidden one, also up to scale."""
    simulation = DefaultWorld(num_users=300, num_items=200, num_days=4, burn_in_days=2).simulate()
    # content_length and dwell are facts of the log; quality and clickbait only come with noise
    for seen in ("editor_score", "headline_score", "item_age_days"):
        for name, hidden in simulation.truth.impressions.items():
            values = simulation.log.frame[seen].to_numpy(dtype=np.float64)
            known = np.isfinite(values)
            likeness = abs(np.corrcoef(values[known], hidden.to_numpy()[known])[0, 1])
            assert likeness < 0.95, (seen, name, likeness)
