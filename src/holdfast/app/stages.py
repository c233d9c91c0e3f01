"""The way of a run, in the order in which a reader wants it told.

Every stage reads what the earlier ones left in the run's folder and leaves its own result there, whole or not
at all. So each runs alone on a saved run, and after an interruption, by the very same code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from holdfast.app import sayings
from holdfast.app.composition import Plan
from holdfast.app.console import Console
from holdfast.app.head_fitting import dwell_population, fit_heads
from holdfast.app.manifest import code_version_text
from holdfast.app.metrics_file import flat, write_counterfactual, write_evaluation
from holdfast.app.new_ranker import new_ranker
from holdfast.app.prepared_run import PreparedRun, save_prepared, usable_heads
from holdfast.app.ranks import others_assist
from holdfast.app.run_folder import RunFolder
from holdfast.app.simulating.contenders import need_the_runs_model
from holdfast.core.files import read_json, whole_file, whole_folder, write_json, write_text
from holdfast.models.ranker import Ranker
from holdfast.tracking.run_log import RunLog

if TYPE_CHECKING:
    import pandas as pd

    # Lightning takes seconds to import; only training needs it
    from holdfast.training.fit import FitResult


@dataclass(frozen=True, kw_only=True)
class Run:
    """What a stage works with."""

    folder: RunFolder
    plan: Plan
    console: Console
    run_log: RunLog

    @property
    def prepared(self) -> PreparedRun:
        """What the stage prepare left."""
        return PreparedRun(self.folder.prepared)

    def fresh_ranker(self) -> Ranker:
        """The model with untrained weights, for the objectives that the log can teach."""
        prepared, seed = self.prepared, self.plan.settings.seed
        return new_ranker(self.plan, prepared.encoder(), prepared.heads(self.plan.heads), seed=seed)

    def trained_ranker(self) -> Ranker:
        """The model with the weights of its best epoch."""
        from holdfast.training.checkpoints import load_best

        ranker = self.fresh_ranker()
        ranker.load_state_dict(load_best(self.folder.fit))
        return ranker.eval()


def prepare(run: Run, *, resume: bool) -> None:
    """Read the log, cut it in time, encode it: nothing is fitted on what was not known yet."""
    from holdfast.data.preparation import prepare_windows
    from holdfast.training.propensities import (
        check_observed_after_click,
        check_one_propensity,
        fit_source,
        propensity_of,
    )
    from holdfast.training.targets import check_teachable

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
        train, validation = prepared.windows["train"], prepared.windows["validation"]
        # Refused now rather than after the first minutes of training.
        check_teachable(train, {name: plan.heads[name] for name in objectives})
        fitted = fit_source(plan.propensity, train)
        weighting = plan.weighting.resolved(fitted.on_train, train.known)
        weighting.resolved(propensity_of(fitted, validation), validation.known)
        propensity_of(fitted, prepared.windows["test"])
        check_one_propensity(plan.estimator, fitted.on_train, weighting)
        check_observed_after_click(fitted.on_train, {name: plan.heads[name] for name in objectives})
        history = [feature.name for feature in plan.history.features()]
        saved = save_prepared(
            run.folder.prepared,
            log,
            prepared,
            heads=fit_heads(plan.heads, train),
            history_features=history,
            dropped=dropped,
        )
    record = read_json(run.folder.manifest_file)
    write_json(run.folder.manifest_file, {**record, "data_fingerprint": saved.summary["fingerprint"]})
    for line in sayings.prepared(saved, horizon_days=plan.settings.horizon_days):
        run.console.say("prepare", line)
    for warning in (*sayings.unknown_in_validation(saved), *sayings.head_notes(saved.summary)):
        run.console.warn("prepare", warning)


def fit(run: Run, *, resume: bool) -> None:
    """Train, keep the weights of the best epoch, and say how far the importance weights can be trusted."""
    with others_assist(run.folder, resume=resume):
        result, num_weights = train(run, resume=resume)
    with whole_file(run.folder.fit / "epochs.parquet") as temporary:
        result.epochs.to_parquet(temporary, index=False)
    summary = fit_summary(result, num_weights)
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
    for warning in sayings.doubtful_targets(summary):
        run.console.warn("fit", warning)


def train(run: Run, *, resume: bool) -> tuple[FitResult, int]:
    """Train on the prepared windows; every process of a distributed training does this together.

    Returns:
        What training came to, and how many weights the model has.
    """
    from holdfast.training.fit import fit as fit_ranker

    plan, prepared = run.plan, run.prepared
    ranker = run.fresh_ranker()
    with run.console.progress("fit") as line:
        result = fit_ranker(
            ranker,
            prepared.window("train", memory_map=True),
            prepared.window("validation"),
            weighting=plan.weighting,
            balance=plan.balance,
            optimizer=plan.optimizer,
            settings=plan.trainer,
            seed=plan.settings.seed,
            folder=run.folder.fit,
            source=plan.propensity,
            estimator=plan.estimator,
            resume=resume,
            on_progress=sayings.FitProgress(line),
            run_log=run.run_log,
        )
    return result, sum(parameter.numel() for parameter in ranker.parameters())


def fit_summary(result: FitResult, num_weights: int) -> dict[str, Any]:
    """What training came to, in plain containers."""
    return {
        "criterion": result.criterion,
        "best_epoch": result.best_epoch,
        "best_value": result.best_value,
        "num_epochs": len(result.epochs),
        "stopped_early": result.stopped_early,
        "rows_per_second": result.rows_per_second,
        "num_weights": num_weights,
        "train_weights": {name: asdict(each) for name, each in result.train_weights.items()},
        "validation_weights": {name: asdict(each) for name, each in result.validation_weights.items()},
        "targets": {name: asdict(each) for name, each in result.targets.items()},
        "propensities": None if result.propensities is None else asdict(result.propensities),
        "after_click": result.after_click,
    }


def evaluate(run: Run, *, resume: bool) -> None:
    """Measure every head and the fused ranking on windows that training never saw."""
    from holdfast.app.measuring import evaluate_run, predicted_days

    if "retention" in run.prepared.objectives:
        predicted = predicted_days(run.plan.heads["retention"], horizon_days=run.plan.settings.horizon_days)
        beyond = [days for days in run.plan.evaluation.retention_days if days not in predicted]
        if beyond:
            run.console.warn(
                "evaluate", f"return within {beyond} days is not measured: {_reach(run.plan, predicted)}"
            )
    with run.console.working("evaluate", "predicting, measuring, resampling users"):
        evaluation = evaluate_run(run.prepared, run.trained_ranker(), run.plan)
    save_tables(run, evaluation.tables)
    write_evaluation(run.folder, evaluation.metrics)
    run.run_log.log_summary(flat(evaluation.metrics))
    for line in sayings.evaluated(evaluation.metrics):
        run.console.say("evaluate", line)


def _reach(plan: Plan, predicted: Sequence[int]) -> str:
    horizon = plan.settings.horizon_days
    if len(predicted) == horizon:
        return f"horizon_days is {horizon}"
    return f"{type(plan.heads['retention']).__name__} predicts {list(predicted)} of {horizon} days"


def counterfactual(run: Run, *, resume: bool) -> None:
    """Ask what the trained model would have earned where another policy served, if the log can say."""
    from holdfast.app.counterfactual import sayings as told
    from holdfast.app.counterfactual.asking import ask_run

    with run.console.working("counterfactual", "scoring what could have been shown, weighing what was"):
        found = ask_run(run.plan, run.prepared, run.trained_ranker())
    save_tables(run, found.tables())
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
    save_tables(run, tables.by_name())
    metrics = tables.metrics()
    write_json(folder.simulation_file, metrics)
    run.run_log.log_summary({name: each["value"] for name, each in metrics.items()})
    for line_of_text in told.after(tables, scene, level=plan.simulation.level):
        run.console.say("simulate", line_of_text)


def save_tables(run: Run, tables: Mapping[str, pd.DataFrame]) -> None:
    """Write tables into the run's folder, and tell the tracker."""
    run.folder.tables.mkdir(exist_ok=True)
    for name, table in tables.items():
        with whole_file(run.folder.tables / f"{name}.parquet") as temporary:
            table.to_parquet(temporary, index=False)
        run.run_log.log_table(name, table)


def export(run: Run, *, resume: bool) -> None:
    """Write the bundle, and prove that it gives the numbers that the model gives."""
    from holdfast.serving.bundle_writer import write_bundle
    from holdfast.serving.parity import check_parity

    prepared, fusion = run.prepared, run.plan.fusion
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
    "evaluate": evaluate,
    "counterfactual": counterfactual,
    "simulate": simulate,
    "export": export,
    "report": report,
}
