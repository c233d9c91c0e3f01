"""The way of a run, in the order in which a reader wants it told.

Every stage reads what the earlier ones left in the run's folder and leaves its own result there, whole or not
at all. So each runs alone on a saved run, and after an interruption, by the very same code.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from itertools import chain
from typing import Any

from holdfast.app import sayings
from holdfast.app.augmenting import augmented
from holdfast.app.balance_table import BALANCE_TABLE, balance_tables
from holdfast.app.calibration.stage import calibrate
from holdfast.app.composition import Plan
from holdfast.app.fitting import fit_summary, refuse_before_training, train
from holdfast.app.head_fitting import dwell_population, fit_heads
from holdfast.app.manifest import code_version_text
from holdfast.app.metrics_file import flat, write_counterfactual, write_evaluation
from holdfast.app.new_ranker import check_model
from holdfast.app.prepared_run import save_prepared, usable_heads
from holdfast.app.ranks import others_assist
from holdfast.app.run import Run
from holdfast.app.simulating.contenders import need_the_runs_model
from holdfast.app.unused_parts import unused_parts
from holdfast.core.files import read_json, whole_file, whole_folder, write_json, write_text


def prepare(run: Run, *, resume: bool) -> None:
    """Read the log, cut it in time, encode it: nothing is fitted on what was not known yet."""
    from holdfast.data.preparation import prepare_windows

    plan = run.plan
    with run.console.working("prepare", "reading the log"):
        log = plan.source.read()
    if log.quarantined is not None and len(log.quarantined):
        with whole_file(run.folder.quarantine_file) as temporary:
            log.quarantined.to_parquet(temporary, index=False)
        run.console.warn(
            "prepare", f"{len(log.quarantined):,} rows set aside in {run.folder.quarantine_file}"
        )
    objectives, dropped = usable_heads(plan.heads, log.card)
    for name, why in dropped.items():
        run.console.warn("prepare", f"no {name} head: {why}")
    with run.console.working("prepare", "cutting windows, computing history, encoding"):
        prepared = prepare_windows(
            log,
            split=plan.split,
            history=plan.history,
            encoder=plan.encoder,
            objectives=objectives,
            horizon_days=plan.settings.horizon_days,
            dwell_population=dwell_population(plan.heads),
        )
        refuse_before_training(plan, prepared, objectives)
        heads = fit_heads(plan.heads, prepared.windows["train"])
        check_model(plan, prepared.encoder.schema, heads)
        history = [feature.name for feature in plan.history.features()]
        saved = save_prepared(
            run.folder.prepared,
            log,
            prepared,
            heads=heads,
            history_features=history,
            dropped=dropped,
            unused=list(unused_parts(plan, prepared.encoder.schema, objectives)),
            learned=augmented(
                plan,
                prepared.windows["train"],
                prepared.rows["train"],
                encoder=prepared.encoder,
                card=log.card,
                as_of=prepared.bounds["train"].as_of,
                seed=plan.settings.seed,
            ),
        )
    record = read_json(run.folder.manifest_file)
    write_json(run.folder.manifest_file, {**record, "data_fingerprint": saved.summary["fingerprint"]})
    if plan.split.held_out:
        held_out = sayings.held_out(plan.split.held_out, num_rows=len(log) - len(plan.split.kept(log)))
        run.console.say("prepare", held_out)
    for line in sayings.prepared(saved, horizon_days=plan.settings.horizon_days):
        run.console.say("prepare", line)
    told = (sayings.unknown_in_validation(saved), sayings.head_notes(saved.summary), saved.unused_parts)
    for warning in chain.from_iterable(told):
        run.console.warn("prepare", warning)


def fit(run: Run, *, resume: bool) -> None:
    """Train, keep the weights of the best epoch, and say how far the importance weights can be trusted."""
    with others_assist(run.folder, resume=resume):
        results, num_weights = train(run, resume=resume)
    with whole_file(run.folder.fit / "epochs.parquet") as temporary:
        results[0].epochs.to_parquet(temporary, index=False)
    run.drop_table(BALANCE_TABLE)  # of an earlier training, whose weights may have moved
    run.save_tables(balance_tables(results[0].epochs))
    summary = fit_summary(results, num_weights)
    write_json(run.folder.fit / "summary.json", summary)
    run.run_log.log_summary(
        {
            f"weights/{name}/{key}": value
            for name, each in summary["train_weights"].items()
            for key, value in each.items()
        }
    )
    for line_of_text in sayings.fitted(summary):
        run.console.say("fit", line_of_text)
    for warning in (*sayings.doubtful_targets(summary), *sayings.unused_experts(summary)):
        run.console.warn("fit", warning)


def evaluate(run: Run, *, resume: bool) -> None:
    """Measure every head and the fused ranking on windows that training never saw."""
    from holdfast.app.calibration.front_of_run import with_front
    from holdfast.app.measuring import evaluate_run, predicted_days

    if "retention" in run.prepared.objectives:
        predicted = predicted_days(run.plan.heads["retention"], horizon_days=run.plan.settings.horizon_days)
        beyond = [days for days in run.plan.evaluation.retention_days if days not in predicted]
        if beyond:
            run.console.warn(
                "evaluate", f"return within {beyond} days is not measured: {_reach(run.plan, predicted)}"
            )
    with run.console.working("evaluate", "predicting, measuring, resampling users"):
        evaluation = with_front(run, evaluate_run(run.prepared, run.trained_ranker(), run.served_plan))
    run.save_tables(evaluation.tables)
    write_evaluation(run.folder, evaluation.metrics)
    run.run_log.log_summary(flat(evaluation.metrics))
    for line in sayings.evaluated(evaluation.metrics):
        run.console.say("evaluate", line)


def _reach(plan: Plan, predicted: Sequence[int]) -> str:
    horizon = plan.settings.horizon_days
    if len(predicted) == horizon:
        return f"horizon_days is {horizon}"
    return f"{type(plan.heads['retention']).__name__} predicts {list(predicted)} of {horizon} days"


def stress(run: Run, *, resume: bool) -> None:
    """Put drift into the test window, ladder by ladder, and score what is left of the ranker."""
    from holdfast.app.stressing.stage import stress_run

    stress_run(run)


def counterfactual(run: Run, *, resume: bool) -> None:
    """Ask what the trained model would have earned where another policy served, if the log can say."""
    from holdfast.app.counterfactual import sayings as told
    from holdfast.app.counterfactual.asking import ask_run

    with run.console.working("counterfactual", "scoring what could have been shown, weighing what was"):
        found = ask_run(run.served_plan, run.prepared, run.trained_ranker())
    run.save_tables(found.tables())
    write_json(run.folder.counterfactual_file, {"about": found.about, "metrics": found.metrics()})
    write_counterfactual(run.folder, found.metrics())
    run.run_log.log_summary(flat(found.metrics()))
    for line_of_text in told.answered(found.answers.values, found.about):
        run.console.say("counterfactual", line_of_text)
    for warning in told.doubts(found.about):
        run.console.warn("counterfactual", warning)


def simulate(run: Run, *, resume: bool) -> None:
    """Let contenders serve a world, some of them trained again and again on what they themselves logged."""
    from holdfast.app.simulating import sayings as told
    from holdfast.app.simulating.scene import scene_of
    from holdfast.app.simulating.simulation import Simulation

    plan, folder = run.plan, run.folder
    if folder.is_done("fit") and need_the_runs_model(plan.contenders.values()):
        plan = run.served_plan
    scene = scene_of(plan, prepared=folder.is_done("prepare"))
    for line_of_text in told.before(plan, scene):
        run.console.say("simulate", line_of_text)
    if folder.is_done("fit") and not need_the_runs_model(plan.contenders.values()):
        taking_part = ",".join([*plan.contenders, "trained", "retrained"])
        run.console.warn("simulate", f"the run's own model does not serve; policy=[{taking_part}] lets it")
    with run.console.progress("simulate") as line:
        simulation = Simulation(plan, scene, folder, run.prepared, run.trained_ranker, line)
        others = simulation.others()
        if others:
            run.console.say("simulate", told.left_alone(others))
        tables = simulation.run(
            resume=resume,
            lost=lambda *which: run.console.warn("simulate", told.thrown_away(*which)),
            told=lambda seed, name, days: run.console.say("simulate", told.contender_done(seed, name, days)),
        )
    run.save_tables(tables.by_name())
    metrics = tables.metrics()
    write_json(folder.simulation_file, metrics)
    run.run_log.log_summary({name: each["value"] for name, each in metrics.items()})
    for line_of_text in told.after(tables, scene, level=plan.simulation.level):
        run.console.say("simulate", line_of_text)


def export(run: Run, *, resume: bool) -> None:
    """Write the bundle, and prove that it gives the numbers that the model gives."""
    from holdfast.app.monitoring.making_reference import add_reference
    from holdfast.serving.bundle_writer import write_bundle
    from holdfast.serving.parity import check_parity

    prepared, fusion = run.prepared, run.served_plan.fusion
    ranker, encoder, rows = run.trained_ranker(), prepared.encoder(), prepared.test_rows()
    with (
        run.console.working("export", "writing the bundle and comparing onnxruntime with PyTorch"),
        # Only a bundle that was proven takes its place.
        whole_folder(run.folder.bundle) as unproven,
    ):
        bundle = write_bundle(
            unproven,
            model=ranker,
            fusion=fusion,
            fusion_description={"kind": type(fusion).__name__, **_settings_of(fusion)},
            encoder=encoder,
            card=prepared.card.to_dict(),
            resolved_config_text=run.folder.config_file.read_text(encoding="utf-8"),
            code_version=code_version_text(),
            data_fingerprint=prepared.summary["fingerprint"],
            windows=prepared.bounds,
            sample_rows=rows,
            history_features=prepared.history_features,
            add_reference=lambda bundle: add_reference(bundle, run.plan, prepared),
        )
        parity = check_parity(unproven, ranker, encoder, fusion, rows)
        if not parity.passed:
            raise RuntimeError(f"the bundle must not be served: {parity.summary()}")
    record = {
        "size_bytes": bundle.size_bytes,
        "identity": bundle.identity,
        "max_absolute_difference": parity.max_absolute_difference,
        "max_scaled_difference": parity.max_scaled_difference,
        "tolerance": parity.tolerance,
        "summary": parity.summary(),
    }
    write_json(run.folder.path / "export.json", record)
    run.run_log.log_summary({"export/max_scaled_difference": parity.max_scaled_difference})
    run.console.say("export", f"{run.folder.bundle}, {bundle.size_bytes / 1e6:.1f} MB")
    run.console.say("export", parity.summary())


def monitor(run: Run, *, resume: bool) -> None:
    """Watch the test window day by day against what the model was trained on, as it would be served."""
    from holdfast.app.monitoring.stage import monitor_run

    monitor_run(run)


def report(run: Run, *, resume: bool) -> None:
    """Write the page that a person reads."""
    from holdfast.app.report.page import build_report
    from holdfast.app.reporting import report_content

    prepared = run.prepared if run.folder.is_done("prepare") else None
    write_text(run.folder.report_file, build_report(report_content(run.folder, prepared)))
    run.console.say("report", str(run.folder.report_file))


def _settings_of(component: object) -> dict[str, Any]:
    return asdict(component)  # type: ignore[call-overload, no-any-return]


STAGE_FUNCTIONS: dict[str, Callable[..., None]] = {
    "prepare": prepare,
    "fit": fit,
    "calibrate": calibrate,
    "evaluate": evaluate,
    "stress": stress,
    "counterfactual": counterfactual,
    "simulate": simulate,
    "export": export,
    "monitor": monitor,
    "report": report,
}
