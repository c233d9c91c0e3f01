"""The stage: from a run's folder to what is left there."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from holdfast.app.console import ProgressLine
from holdfast.app.manifest import code_version_text
from holdfast.app.metrics_file import flat, write_stress
from holdfast.app.prepared_run import PreparedRun
from holdfast.app.run import Run
from holdfast.app.stressing import sayings as told
from holdfast.app.stressing.building import scene_of, sliced_features
from holdfast.app.stressing.clock import Clock
from holdfast.app.stressing.evidence import Evidence
from holdfast.app.stressing.known_users import known_users
from holdfast.app.stressing.later_days import days_of_later_folds, days_of_successors
from holdfast.app.stressing.natural import held_out_windows, without_test_rows
from holdfast.app.stressing.records import suite_of_prefix
from holdfast.app.stressing.runner import fingerprint_of, run_suite
from holdfast.app.stressing.scene import Scene
from holdfast.app.stressing.suite import Scenario, Suite, fitting_suite
from holdfast.app.stressing.summary import summary_of
from holdfast.app.stressing.tables import StressTables
from holdfast.app.stressing.world_window import drifted_world
from holdfast.app.stressing.yardstick import yardstick_of
from holdfast.core.files import write_json
from holdfast.data.log import local_day
from holdfast.models.ranker import Ranker

SCENARIOS = "scenarios"


def stress_run(run: Run) -> None:
    """Climb the suite's ladders with the trained ranker, and leave tables, metrics and the score."""
    clock = Clock()
    plan, prepared, folder = run.served_plan, run.prepared, run.folder
    ranker = run.trained_ranker()
    with run.console.working("stress", "fitting the reference, predicting the clean window"):
        scene = scene_of(plan, prepared, ranker)
        known = known_users(scene.clean.rows["user_id"], scene.window.user)
        worlds = drifted_world(plan, prepared, known)
        last_train_day = local_day(prepared.bounds["train"].end, prepared.card.time_zone) - 1
        successors = days_of_successors(
            plan.stress.retrained,
            last_train_day=last_train_day,
            prefix=plan.stress.prefix,
            data=prepared.summary["fingerprint"],
        )
        later_days = days_of_later_folds(scene, plan, prepared, known)
        natural = held_out_windows(scene, plan, prepared, known)
    for name in without_test_rows(plan.split.held_out, natural):
        run.console.warn("stress", f"{name} is held out and has no row in the test window: not judged there")
    suite = fitting_suite(plan.ladders, plan.stress, scene.clean, in_world=worlds is not None)
    slices = sliced_features(scene.clean, plan.stress.slices)
    for line_of_text in told.before(suite):
        run.console.say("stress", line_of_text)
    judged = run_fingerprint(run, scene, ranker)
    # Results of other code are not mixed with new ones, rung by rung.
    fingerprint = fingerprint_of(judged=judged, code=code_version_text())
    with run.console.progress("stress") as line:
        results = run_suite(
            scene,
            suite,
            folder=folder.stress / SCENARIOS,
            fingerprint=fingerprint,
            worlds=worlds,
            slices=slices,
            later_days=later_days,
            natural=natural,
            progress=StressProgress(line),
        )
    _forget_others(run, fingerprint)
    evidence = Evidence(results, scene.resampler, last_train_day)
    yardstick = yardstick_of(
        evidence,
        scene,
        data=prepared.summary["fingerprint"],
        windows={**windows_of(prepared), "held_out_of_them": plan.split.held_out or {}},
    )
    tables = StressTables(evidence, plan.evaluation.level, successors)
    metrics = {
        name: {**each, "suite_fingerprint": yardstick.fingerprint} for name, each in tables.metrics().items()
    }
    told_of = summary_of(evidence, yardstick=yardstick, level=plan.evaluation.level)
    summary = {"fingerprint": judged, **told_of}
    run.save_tables(tables.by_name())
    summary["cost"] = clock.cost(scene.seconds.spent, **results.cost)
    write_json(folder.stress / f"{plan.stress.prefix}.json", summary)
    dropped = write_stress(folder, metrics, prefix=plan.stress.prefix, fingerprint=judged)
    run.run_log.log_summary(flat(_few(metrics, suite)))
    _tell(run, summary, tables, dropped)


def _tell(run: Run, summary: Mapping[str, Any], tables: StressTables, dropped: Sequence[str]) -> None:
    """The verdict, and what a reader must know."""
    for line_of_text in told.after(summary):
        run.console.say("stress", line_of_text)
    for line_of_text in told.natural(tables.natural, summary["qualities"]):
        run.console.say("stress", line_of_text)
    for warning in (*told.doubts(summary), *_dropped(dropped)):
        run.console.warn("stress", warning)


def _dropped(prefixes: Sequence[str]) -> Iterator[str]:
    """That results of other suites are gone, and why."""
    for prefix in prefixes:
        suite = suite_of_prefix(prefix)
        yield (
            f"what the suite {suite} had left is dropped: it was of another model, log or setting of the "
            f"evaluation, or of an older version; stress={suite} measures it again"
        )


def windows_of(prepared: PreparedRun) -> dict[str, dict[str, Any]]:
    """Bounds and rows of the window that the reference is fitted on, and of the judged one.

    A split that holds values out leaves the bounds as they are.
    """
    windows = prepared.summary["windows"]
    return {name: {**windows[name]["window"], "rows": windows[name]["rows"]} for name in ("train", "test")}


def run_fingerprint(run: Run, scene: Scene, ranker: Ranker) -> str:
    """Of everything that a scenario's result depends on, beside the scenario and the code."""
    weights, calibrated = hashlib.blake2b(digest_size=16), run.calibrated
    for name, each in sorted(ranker.state_dict().items()):
        weights.update(name.encode())
        weights.update(each.detach().cpu().contiguous().numpy().tobytes())
    return fingerprint_of(
        data=run.prepared.summary["fingerprint"],
        windows=run.prepared.summary["windows"],
        weights=weights.hexdigest(),
        fusion=repr(calibrated.fusion),  # with what was fitted
        calibration=None if calibrated.calibration is None else calibrated.calibration.to_dict(),
        resamples=[scene.resampler.num_resamples, scene.resampler.seed],
        asked=[scene.horizon, scene.horizon_days, scene.cutoff],
    )


class StressProgress:
    """Draws how far a suite is."""

    def __init__(self, line: ProgressLine) -> None:
        self._line = line
        self._name = ""

    def __call__(self, done: int, total: int, scenario: Scenario) -> None:
        """Show the scenario that comes next; where nothing is redrawn, a line a ladder."""
        self._line.update(
            done=done / total,
            text=f"scenario {done + 1}/{total}   {scenario.name}, severity {scenario.severity}",
        )
        if scenario.name != self._name:
            self._line.milestone(f"scenario {done + 1}/{total}   {scenario.name}")
            self._name = scenario.name


def _forget_others(run: Run, fingerprint: str) -> None:
    """Scenarios of other models or other data will not be asked for again."""
    for path in list((run.folder.stress / SCENARIOS).iterdir()):
        if path.is_dir() and path.name != fingerprint:
            shutil.rmtree(path)


def _few(metrics: Mapping[str, Mapping[str, Any]], suite: Suite) -> dict[str, Mapping[str, Any]]:
    """For the tracker: the score, and the clean and hardest rungs; all of it is in the tables."""
    hardest = f"/severity_{suite.settings.severities[-1]}/"

    def chosen() -> Iterator[str]:
        for name in metrics:
            if "/ship_score" in name or hardest in name or "/clean/" in name or "/natural/" in name:
                yield name

    return {name: metrics[name] for name in chosen()}
