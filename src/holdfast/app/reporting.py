"""From a run's folder to the content of its report: what was asked, what was found, how sure we are."""

from __future__ import annotations

import shlex
from typing import Any

import pandas as pd

from holdfast.app.composition import to_yaml
from holdfast.app.prepared_run import PreparedRun
from holdfast.app.report.content import (
    BundleSection,
    Calibration,
    DataSection,
    Headline,
    LearningSection,
    PropensitySection,
    ReportContent,
    Verdict,
)
from holdfast.app.run_folder import RunFolder
from holdfast.app.sayings import said
from holdfast.core.files import read_json

Metrics = dict[str, dict[str, Any]]
PROPENSITY_MEANING = {
    "item_in_slot": "the chance that the behavior policy put this item into this slot",
    "slate": "the chance that the behavior policy showed this whole slate",
    None: "nothing: this log has no propensities",
}


def report_content(folder: RunFolder, prepared: PreparedRun) -> ReportContent:
    """Gather whatever the stages done so far have left; what is not there is said to be absent."""
    config = folder.saved_config()
    manifest = read_json(folder.manifest_file)
    metrics: Metrics = read_json(folder.metrics_file) if folder.is_done("evaluate") else {}
    fit = read_json(folder.fit / "summary.json") if folder.is_done("fit") else None
    summary = prepared.summary
    test = {name.removeprefix("test/"): each for name, each in metrics.items() if name.startswith("test/")}
    return ReportContent(
        title=f"{config['name']}: {summary['card']['name']}",
        verdict=verdict(test),
        question=config["question"],
        experiment=config["name"],
        created=manifest["started_at"],
        headlines=headlines(test),
        warnings=warnings_of(summary, fit, test),
        metrics=by_objective(test),
        interval_note=(
            f"Intervals hold {config['evaluation']['level']:.0%} of {config['evaluation']['num_resamples']} "
            "bootstrap resamples of users. They say how much another set of users would change the number; "
            "they do not say how much another seed, or another month, would."
        ),
        calibration=_calibration(folder) if metrics else {},
        daily=_daily(folder) if metrics else pd.DataFrame(),
        learning=_learning(folder, fit),
        data=_data(summary),
        propensity=_propensity(summary, config, fit),
        bundle=_bundle(folder),
        absent=_absent(folder, summary),
        command=shlex.join(["holdfast", *manifest["command"][1:]]),
        config=to_yaml(config),
        manifest=manifest,
    )


def verdict(test: Metrics) -> Verdict:
    """The answer in words that the numbers support, and no more."""
    if not test:
        return Verdict(title="Not evaluated yet", sentences=["Run the stage evaluate to get an answer."])
    click, sentences = test.get("click/auc"), []
    tones = []
    if click is not None and click["value"] is not None:
        better = click["low"] is not None and click["low"] > 0.5
        tones.append(better)
        sentences.append(
            f"It orders a clicked impression above another one with chance {said(click)}; 0.5 is a coin."
            if better
            else f"Its order of clicks cannot be told from chance on this window: {said(click)}."
        )
        sentences.extend(_calibration_sentence(test.get("click/calibration")))
    for name, difference in test.items():
        if name.startswith("retention/") and name.endswith("/auc_minus_baseline"):
            sentence, better = _beyond_baseline(name.split("/")[1], difference)
            sentences.append(sentence)
            if better is not None:
                tones.append(better)
    if not tones:
        return Verdict(
            title="This window cannot tell",
            sentences=[*sentences, "No test metric is defined on it: it is too short, or lacks outcomes."],
        )
    good, total = sum(tones), len(tones)
    title = (
        "The model holds on the test window"
        if good == total
        else "The model holds in part"
        if good
        else "The model does not hold"
    )
    sentences.append("One model, one seed, one window: a difference between models needs several of each.")
    return Verdict(
        title=title, sentences=sentences, tone="good" if good == total else "mixed" if good else "bad"
    )


def _calibration_sentence(ratio: dict[str, Any] | None) -> list[str]:
    if ratio is None or ratio["value"] is None or ratio["low"] is None:
        return []
    if ratio["low"] <= 1.0 <= ratio["high"]:
        return [f"It predicts as many clicks as there were ({said(ratio)} predicted for each observed)."]
    way = "more" if ratio["value"] > 1.0 else "fewer"
    return [f"It predicts {way} clicks than there were: {said(ratio)} predicted for each one observed."]


def _beyond_baseline(horizon: str, difference: dict[str, Any]) -> tuple[str, bool | None]:
    days = f"within {horizon[1:]} day{'' if horizon == 'd1' else 's'}"
    if difference["value"] is None or difference["low"] is None:
        return f"Whether it knows who is back {days} cannot be told: {difference['note']}.", None
    if difference["low"] > 0.0:
        return (
            f"It knows more about who is back {days} than recency and frequency alone: its AUC is "
            f"{said(difference)} higher.",
            True,
        )
    if difference["high"] < 0.0:
        return (
            f"Recency and frequency alone know more about who is back {days}: the model's AUC differs by "
            f"{said(difference)}.",
            False,
        )
    return (
        f"About who is back {days} it does not tell measurably more than recency and frequency alone: AUC "
        f"difference {said(difference)}.",
        False,
    )


def headlines(test: Metrics) -> list[Headline]:
    """The few numbers to look at first."""
    found = []
    for name, label in (("click/auc", "click AUC"), ("dwell/xauc", "dwell XAUC")):
        if name in test:
            found.append(_headline(test[name], label, "0.5 is chance"))
    for name in test:
        if name.startswith("retention/") and name.endswith("/auc"):
            horizon = name.split("/")[1]
            baseline = test[f"retention/{horizon}/baseline_auc"]
            found.append(
                _headline(
                    test[name],
                    f"return within {horizon[1:]} d, AUC",
                    f"recency and frequency alone: {said(baseline)}",
                )
            )
            break
    ranking = next((name for name in test if name.startswith("ranking/ndcg@")), None)
    if ranking is not None:
        found.append(_headline(test[ranking], f"NDCG@{ranking.rsplit('@', 1)[1]}", "fused score, by clicks"))
    return found


def _headline(metric: dict[str, Any], label: str, context: str) -> Headline:
    return Headline(
        label=label, value=metric["value"], low=metric["low"], high=metric["high"], context=context
    )


def warnings_of(summary: dict[str, Any], fit: dict[str, Any] | None, test: Metrics) -> list[str]:
    """What a reader must know before believing any of it."""
    found = [f"No {name} head: {why}." for name, why in summary["dropped_heads"].items()]
    if summary["quarantined"]:
        rows = sum(summary["quarantined"].values())
        found.append(f"{rows:,} rows broke the log contract and were set aside in quarantine.parquet.")
    if summary["log"]["with_propensity"] == 0:
        found.append(
            "No propensities were logged: losses and metrics are those of the items that the behavior policy "
            "chose to show. They say little about items that it would not have shown."
        )
    users = summary["windows"]["test"]["users"]
    if users < 200:
        found.append(
            f"The test window has {users} users: too few for the intervals below to hold what they promise."
        )
    for name, each in (fit or {}).get("train_weights", {}).items():
        size = each["effective_sample_size"]
        if each["num_rows"] and size < 0.1 * each["num_rows"]:
            found.append(
                f"The weighted {name} loss rests on an effective sample of {size:,.0f} of "
                f"{each['num_rows']:,} rows: lower objective.weighting.max_weight, or explore more."
            )
    undefined = sorted(name for name, each in test.items() if each["value"] is None)
    if undefined:
        found.append(f"Undefined on the test window, see the notes below: {', '.join(undefined)}.")
    return found


def by_objective(test: Metrics) -> dict[str, list[dict[str, Any]]]:
    """Metrics by the first part of their name."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for name, each in test.items():
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


def _propensity(
    summary: dict[str, Any], config: dict[str, Any], fit: dict[str, Any] | None
) -> PropensitySection:
    logged = summary["log"]["with_propensity"]
    policies = ", ".join(f"{name} ({rows:,} rows)" for name, rows in summary["log"]["policies"].items())
    weighting = config["objective"]["weighting"]
    weighted = weighting["kind"] != "none" and logged > 0
    return PropensitySection(
        meaning=PROPENSITY_MEANING[summary["card"]["propensity_of"]],
        source=f"logged in {logged:.0%} of the rows; behavior policy: {policies}",
        weighting=(
            f"losses count a row min(1 / p, {weighting['max_weight']:g}), scaled to mean 1 over the window"
            if weighted
            else "losses count every row the same"
        ),
        diagnostics=pd.DataFrame(
            [{"objective": name, **each} for name, each in (fit or {}).get("train_weights", {}).items()]
        ),
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


def _absent(folder: RunFolder, summary: dict[str, Any]) -> dict[str, str]:
    absent = dict(summary["dropped_heads"])
    for part, stage in (("learning", "fit"), ("daily", "evaluate"), ("bundle", "export")):
        if not folder.is_done(stage):
            absent[part] = f"the stage {stage} has not been run"
    return absent
