"""What a run says of each stage, in one line a fact."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from holdfast.app.console import ProgressLine, count, number
from holdfast.app.prepared_run import PreparedRun

if TYPE_CHECKING:
    from holdfast.training.progress import Progress


def prepared(run: PreparedRun, *, horizon_days: int) -> Iterator[str]:
    """What the log holds, how it was cut, and what of it is known."""
    about = run.summary["log"]
    days = (pd.Timestamp(about["observed_until"]) - pd.Timestamp(about["first"])).total_seconds() / 86400
    logged = about["with_propensity"]
    propensities = "no propensities logged" if not logged else "propensities logged"
    if 0 < logged < 1:
        propensities += f" for {logged:.0%} of the rows"
    yield (
        f"{run.card.name}: {count(about['rows'])} impressions, {count(about['users'])} users, "
        f"{days:.0f} days; behavior policy {', '.join(list(about['policies'])[:3])}, {propensities}"
    )
    yield "windows: " + " | ".join(_window(run, name) for name in run.bounds)
    if "retention" in run.objectives:
        share = run.summary["windows"]["test"]["matured_share"]
        yield f"return within {horizon_days} days is known for {share:.0%} of the test rows"


def held_out(values: Mapping[str, Sequence[Any]], *, num_rows: int) -> str:
    """What of the log is in no window."""
    said = ", ".join(f"{name}={value}" for name, each in values.items() for value in each)
    return f"held out of all windows: {said} ({num_rows:,} rows); the stage stress judges their test days"


def unknown_in_validation(run: PreparedRun) -> Iterator[str]:
    """Objectives that the choice of the epoch cannot look at."""
    for objective in run.summary["unknown_in_validation"]:
        yield (
            f"nothing of {objective} is known yet when validation ends: epochs are chosen without it. "
            "Lengthen split.validation_days or split.validation_gap_days"
        )


def head_notes(summary: Mapping[str, Any]) -> Iterator[str]:
    """What a reader must know of the heads that were fitted on the train window."""
    for name, notes in summary.get("head_notes", {}).items():
        for note in notes:
            yield f"{name} head: {note}"


def _window(run: PreparedRun, name: str) -> str:
    window, zone = run.bounds[name], run.card.time_zone
    first = window.start.tz_convert(zone)
    last = (window.end - pd.Timedelta(1, "us")).tz_convert(zone)
    rows = count(run.summary["windows"][name]["rows"])
    return f"{name} {first:%d %b} to {last:%d %b} ({rows} rows)"


class FitProgress:
    """Turns what training tells into a progress line."""

    def __init__(self, line: ProgressLine) -> None:
        self._line = line

    def __call__(self, progress: Progress) -> None:
        """Show how far training is."""
        batches = max(progress.num_batches, 1)
        text = (
            f"epoch {min(progress.epoch + 1, progress.num_epochs)}/{progress.num_epochs}  "
            f"{count(progress.rows_per_second)} rows/s"
        )
        if progress.best_epoch >= 0:
            text += (
                f"  {progress.criterion} {progress.last_value:.4f} "
                f"(best {progress.best_value:.4f} at epoch {progress.best_epoch + 1})"
            )
        self._line.update(done=(progress.epoch + progress.batch / batches) / progress.num_epochs, text=text)
        if progress.epoch_is_over:
            self._line.milestone(text)


def fitted(summary: Mapping[str, Any]) -> Iterator[str]:
    """Which epoch was kept, and how far the importance weights can be trusted."""
    yield (
        f"best {summary['criterion']} {summary['best_value']:.4f} at epoch {summary['best_epoch'] + 1} "
        f"of {summary['num_epochs']}; {count(summary['rows_per_second'])} rows/s"
    )
    for name, each in summary["train_weights"].items():
        unit = "user-days" if name == "retention" else "rows"
        yield (
            f"{name} weights: ESS {count(each['effective_sample_size'])} of {count(each['num_rows'])} "
            f"{unit}, "
            f"clipped {each['clipped_share']:.1%}, largest {each['largest_weight']:.1f}"
            + (f", {count(each['num_missing'])} set aside" if each.get("num_missing") else "")
        )
    others = summary.get("members", [])[1:]
    if others:
        values = ", ".join(f"{each['best_value']:.4f}" for each in others)
        yield f"{len(others) + 1} models, averaged; the others' best {summary['criterion']}: {values}"
    environments = summary.get("environments") or {}
    if environments:
        smallest = min(environments, key=lambda name: environments[name])
        yield (
            f"{len(environments)} environments, the smallest {smallest} with "
            f"{count(environments[smallest])} rows"
        )
    labels = (summary.get("propensities") or {}).get("labels")
    if labels:
        yield (
            f"click labels: ESS {count(labels['effective_sample_size'])} of {count(labels['num_rows'])} "
            f"clicked rows, clipped {labels['clipped_share']:.1%}, mean 1/p {labels['mean_weight']:.2f}"
        )
    for name, each in summary.get("after_click", {}).items():
        yield (
            f"{name} over all rows: ESS {count(each['effective_sample_size'])} of {count(each['num_rows'])} "
            f"rows after a click, clipped {each['clipped_share']:.1%}, largest {each['largest_weight']:.1f}, "
            f"mean o/p {each['mean_weight']:.2f}"
        )
    for name, each in summary.get("targets", {}).items():
        line = f"{name} learns from {count(each['known_rows']['train'])} rows"
        if each["imputed_rows"]:
            line += f", {count(each['imputed_rows']['train'])} of them by a surrogate index"
        yield f"{line}; {count(each['left_out_rows']['train'])} are too recent for this head"


def doubtful_targets(summary: Mapping[str, Any]) -> Iterator[str]:
    """What a reader must know of the outcomes that heads learned from."""
    for name, each in summary.get("targets", {}).items():
        for warning in each["warnings"]:
            yield f"{name}: {warning}"
        if not each["known_rows"]["validation"]:
            yield (
                f"no {name} of the validation window is old enough for this head: epochs are chosen without "
                "it. Lengthen split.validation_gap_days, or take a head that learns from censored rows"
            )


def unused_experts(summary: Mapping[str, Any]) -> Iterator[str]:
    """Experts that a model carries and computes for nothing."""
    unused = summary.get("unused_experts", ())
    if unused:
        experts, them = ("expert", "it") if len(unused) == 1 else ("experts", "them")
        yield (
            f"no gate takes 1 % or more of the {experts} {', '.join(unused)}: the model would hardly change "
            f"without {them}. See the gates in the report's section on learning"
        )


def evaluated(metrics: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """The test window in a few lines."""
    test = {name.removeprefix("test/"): each for name, each in metrics.items() if name.startswith("test/")}
    if "click/auc" in test:
        yield f"click AUC {said(test['click/auc'])}; predicted/observed {said(test['click/calibration'])}"
    if "dwell/xauc" in test:
        line = f"dwell XAUC {said(test['dwell/xauc'])}; MAE {said(test['dwell/mae_seconds'], 1)} s"
        if "dwell/crps_seconds" in test:
            line += f"; CRPS {said(test['dwell/crps_seconds'], 1)} s"
        yield line
    for name, each in test.items():
        if name.startswith("retention/") and name.endswith("/auc"):
            horizon = name.split("/")[1]
            alone = test[f"retention/{horizon}/baseline_auc"]["value"]
            line = (
                f"return within {horizon[1:]} d AUC {said(each)} (recency/frequency alone: {number(alone)})"
            )
            alike = test.get(f"retention/{horizon}/auc_given_baseline")
            if alike is not None:
                line += f"; {said(alike)} among users alike in both"
            yield line
    found = fused_ndcg(test)
    if found is not None:
        name, by = found
        yield f"fused ranking NDCG@{name.rsplit('@', 1)[1]} {said(test[name])}, by {by}"


def fused_ndcg(test: Mapping[str, Any]) -> tuple[str, str] | None:
    """The first NDCG among metrics, and what it is by: clicks, or dwell where there are none."""
    for start, by in (("ranking/ndcg@", "clicks"), ("ranking/ndcg_dwell@", "dwell")):
        name = next((name for name in test if name.startswith(start)), None)
        if name is not None:
            return name, by
    return None


def said(metric: Mapping[str, Any], digits: int = 3) -> str:
    """A number with its interval; 'undefined' where it is."""
    text = number(metric["value"], digits)
    if metric["value"] is None or metric["low"] is None:
        return text
    return f"{text} [{metric['low']:.{digits}f}, {metric['high']:.{digits}f}]"
