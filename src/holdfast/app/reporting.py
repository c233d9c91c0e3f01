"""From a run's folder to the content of its report: what was asked, what was found, how sure we are."""

from __future__ import annotations

import shlex
from dataclasses import replace
from typing import Any

import pandas as pd

from holdfast.app.closed_loop_reporting import closed_loop_section
from holdfast.app.composition import to_yaml
from holdfast.app.counterfactual.reporting import counterfactual_section
from holdfast.app.fusion_section import fusion_section
from holdfast.app.monitoring.reporting import monitor_section_of
from holdfast.app.prepared_run import PreparedRun
from holdfast.app.propensity_section import propensity_section
from holdfast.app.report.closed_loop.verdict import loop_headlines, loop_verdict, loop_warnings
from holdfast.app.report.content import (
    BundleSection,
    Calibration,
    ClosedLoopSection,
    DataSection,
    LearningSection,
    ReportContent,
    Verdict,
)
from holdfast.app.run_folder import RunFolder
from holdfast.app.stressing.reporting import stress_headlines, stress_sections
from holdfast.app.verdict import Metrics, headlines, verdict, warnings_of
from holdfast.core.files import read_json

PARTS = {
    "data": "prepare",
    "propensity": "prepare",
    "learning": "fit",
    "results": "evaluate",
    "daily": "evaluate",
    "fusion": "evaluate",
    "stress": "stress",
    "monitor": "monitor",
    "counterfactual": "counterfactual",
    "bundle": "export",
    "closed_loop": "simulate",
}
"""The parts of the report and the stages that they come from."""


def report_content(folder: RunFolder, prepared: PreparedRun | None) -> ReportContent:
    """Gather whatever the stages done so far have left; what is not there is said to be absent.

    Args:
        folder: of the run.
        prepared: what the stage prepare left; None for a run that simulates and nothing else.
    """
    config = folder.saved_config()
    manifest = read_json(folder.manifest_file)
    metrics: Metrics = read_json(folder.metrics_file) if folder.is_done("evaluate") else {}
    fit = read_json(folder.fit / "summary.json") if folder.is_done("fit") else None
    summary = None if prepared is None else prepared.summary
    loop = closed_loop_section(folder, config)
    test = {name.removeprefix("test/"): each for name, each in metrics.items() if name.startswith("test/")}
    return ReportContent(
        title=f"{config['name']}: {'the closed loop' if summary is None else summary['card']['name']}",
        verdict=_verdict(test, loop),
        question=_question(config.get("question"), loop, alone=summary is None),
        experiment=config["name"],
        created=manifest["started_at"],
        headlines=[
            *(loop_headlines(loop) if loop is not None and not test else headlines(test)),
            *stress_headlines(folder),
        ],
        warnings=[
            *(warnings_of(summary, fit, test) if summary is not None else []),
            *(loop_warnings(loop) if loop is not None else []),
        ],
        metrics=by_objective(test),
        interval_note=(
            f"Intervals hold {config['evaluation']['level']:.0%} of {config['evaluation']['num_resamples']} "
            "bootstrap resamples of users. They say how much another set of users would change the number; "
            "they do not say how much another seed, or another month, would."
        ),
        calibration=_calibration(folder) if metrics else {},
        daily=_daily(folder) if metrics else pd.DataFrame(),
        fusion=fusion_section(folder, config, dict(metrics)),
        stress=stress_sections(folder),
        monitor=monitor_section_of(folder),
        counterfactual=counterfactual_section(folder),
        closed_loop=loop,
        learning=_learning(folder, fit),
        data=None if summary is None else _data(summary),
        propensity=None if summary is None else propensity_section(summary, config, fit),
        bundle=_bundle(folder),
        absent=_absent(folder, summary),
        command=shlex.join(["holdfast", *manifest["command"][1:]]),
        config=to_yaml(config),
        manifest=manifest,
    )


def _question(asked: str | None, loop: ClosedLoopSection | None, *, alone: bool) -> str:
    """What the user asked, else what the stages that were done can answer."""
    if asked is not None:
        return asked
    if loop is not None and alone:
        return "Which policy is best for the people it serves, and for what they bring in over time?"
    return "How good are this model's predictions in the days after it was trained?"


def _verdict(test: Metrics, loop: ClosedLoopSection | None) -> Verdict:
    """Of the test window where it was measured, with a word on the closed loop; else of the closed loop."""
    if loop is None:
        return verdict(test)
    served = loop_verdict(loop)
    if not test:
        return served
    measured = verdict(test)
    return replace(measured, sentences=[*measured.sentences, f"In the closed loop, {served.title}."])


def by_objective(test: Metrics) -> dict[str, list[dict[str, Any]]]:
    """Metrics by the first part of their name."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for name, each in test.items():
        if not name.startswith("pareto/"):  # stands beside the front
            groups.setdefault(name.split("/")[0], []).append({"name": name, **each})
    return groups


def _calibration(folder: RunFolder) -> dict[str, Calibration]:
    made = {}
    for objective, kind, outcome in (
        ("click", "probability", "click rate"),
        ("dwell", "seconds", "dwell"),
    ):
        path = folder.tables / f"calibration_{objective}.parquet"
        if path.is_file():
            made[objective] = Calibration(table=pd.read_parquet(path), kind=kind, outcome=outcome)  # type: ignore[arg-type]
    path = folder.tables / "calibration_retention.parquet"
    if path.is_file():
        made["retention"] = Calibration(
            table=pd.read_parquet(path), kind="by_day", outcome="back within so many days"
        )
    return made


def _daily(folder: RunFolder) -> pd.DataFrame:
    path = folder.tables / "daily.parquet"
    if not path.is_file():
        return pd.DataFrame()
    table = pd.read_parquet(path)
    return table.assign(day=table["date"]).drop(columns="date")


def _learning(folder: RunFolder, fit: dict[str, Any] | None) -> LearningSection | None:
    if fit is None:
        return None
    ended = "patience ran out" if fit["stopped_early"] else "the last epoch allowed was done"
    return LearningSection(
        curves=pd.read_parquet(folder.fit / "epochs.parquet"),
        best_epoch=fit["best_epoch"],
        criterion=fit["criterion"],
        note=(
            f"{fit['num_epochs']} epochs, until {ended}; {fit['num_weights']:,} weights; "
            f"{fit['rows_per_second']:,.0f} rows a second."
        ),
    )


def _data(summary: dict[str, Any]) -> DataSection:
    card, log = summary["card"], summary["log"]
    windows = pd.DataFrame(
        [
            {
                **each["window"],
                "rows": each["rows"],
                "users": each["users"],
                "requests": each["requests"],
                "share_matured": each["matured_share"],
            }
            for each in summary["windows"].values()
        ]
    )
    for column in ("start", "end", "as_of"):
        windows[column] = pd.to_datetime(windows[column], format="ISO8601")
    quarantined = pd.DataFrame(
        [{"column": "", "rule": rule, "rows": rows} for rule, rows in summary["quarantined"].items()],
        columns=["column", "rule", "rows"],
    )
    return DataSection(
        name=card["name"],
        description=card["description"],
        source=card["source"],
        licence=card["licence"],
        notes=card["notes"],
        counts={key: log[key] for key in ("rows", "users", "items", "requests")},
        windows=windows,
        quarantined=quarantined,
    )


def _bundle(folder: RunFolder) -> BundleSection | None:
    if not folder.is_done("export"):
        return None
    record = read_json(folder.path / "export.json")
    manifest = read_json(folder.bundle / "manifest.json")
    files = pd.DataFrame(
        [
            {"file": name, "size_bytes": each["bytes"], "sha256": each["sha256"]}
            for name, each in manifest["files"].items()
        ]
    )
    return BundleSection(
        location=folder.bundle.name,
        size_bytes=record["size_bytes"],
        max_difference=record["max_scaled_difference"],
        tolerance=record["tolerance"],
        checked=record["summary"],
        files=files,
    )


def _absent(folder: RunFolder, summary: dict[str, Any] | None) -> dict[str, str]:
    absent = {} if summary is None else dict(summary["dropped_heads"])
    for part, stage in PARTS.items():
        if not folder.is_done(stage):
            absent[part] = f"the stage {stage} has not been run"
    return absent
