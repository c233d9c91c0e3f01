"""Stressed runs beside each other: whether the clean order holds, who is more robust than expected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from holdfast.app.run_folder import RunFolder
from holdfast.core.errors import UserError
from holdfast.core.files import read_json
from holdfast.evaluation.robustness.effective_robustness import EffectiveRobustness, effective_robustness
from holdfast.evaluation.robustness.rank_stability import RankStability, rank_stability

HELD_OUT = "stress_held_out/"


@dataclass(frozen=True)
class Comparison:
    """Runs of one suite.

    Attributes:
        runs: ``run``, ``ship_score``, ``low``, ``high``; a row a run, in the order in which they were named.
        outputs: ``run``, ``output``, ``clean``, ``stressed``, ``effective_robustness``: skills in [-1, 1] of
            the clean window and averaged over the scored ladders (their areas), the residual from the line
            through all runs; None where there is no line.
        stability: by output.
        lines: of effective robustness, by output; None where there are fewer than three runs, or no line.
    """

    runs: pd.DataFrame
    outputs: pd.DataFrame
    stability: dict[str, RankStability]
    lines: dict[str, EffectiveRobustness | None]


def compare_runs(folders: Sequence[Path], *, held_out: bool = False) -> Comparison:
    """Compare what the stage stress left in several runs.

    Args:
        folders: of at least two runs that climbed the same ladders.
        held_out: whether to read the held-out suite. It compares; nothing may be chosen by it.

    Raises:
        UserError: a run was not stressed, or the runs climbed different suites.
    """
    prefix = "stress_held_out" if held_out else "stress"
    if len(folders) < 2:
        raise UserError(f"a comparison needs at least two runs, and {len(folders)} are named")
    summaries = {str(folder): _summary(folder, prefix) for folder in folders}
    if len(summaries) < len(folders):
        raise UserError("a run is named twice; name each once")
    _same_suite(summaries)
    scores = [
        {"run": run, **{key: (each["ship_score"] or {}).get(key) for key in ("value", "low", "high")}}
        for run, each in summaries.items()
    ]
    outputs = pd.concat([_outputs(run, prefix, each) for run, each in summaries.items()], ignore_index=True)
    stability, lines = {}, {}
    outputs["effective_robustness"] = np.nan
    for output, rows in outputs.groupby("output", sort=False):
        clean, stressed = rows["clean"].tolist(), rows["stressed"].tolist()
        stability[str(output)] = rank_stability(clean, stressed)
        line = _line(clean, stressed)
        lines[str(output)] = line
        if line is not None:
            # From AUC-like qualities in (0, 1) back to skills, which are twice as wide.
            outputs.loc[rows.index, "effective_robustness"] = 2.0 * line.residuals
    return Comparison(pd.DataFrame(scores).rename(columns={"value": "ship_score"}), outputs, stability, lines)


def best_run(folders: Sequence[Path], metric: str, *, lowest: bool = False) -> tuple[Path, float]:
    """The run with the best value of a metric, and the value.

    Args:
        folders: of at least one run.
        metric: name in ``metrics.json``.
        lowest: whether smaller is better.

    Raises:
        UserError: the metric is of a held-out suite, by which nothing is chosen; or a run does not have it.
    """
    if metric.startswith(HELD_OUT):
        raise UserError(
            f"{metric} comes from a held-out suite: it judges in the end, and nothing is chosen or tuned by "
            "it. Choose by validation/..., or by stress/... of the quick or standard suite"
        )
    if not folders:
        raise UserError("no run is named")
    values: dict[Path, float] = {}
    for folder in folders:
        path = RunFolder(folder).metrics_file
        if not path.is_file():
            raise UserError(f"{folder} holds no metrics.json; run the stage evaluate or stress there first")
        entry = read_json(path).get(metric)
        if entry is None or entry["value"] is None:
            why = "does not have it" if entry is None else f"has no value for it ({entry['note']})"
            raise UserError(f"cannot choose by {metric}: {folder} {why}")
        if entry.get("held_out"):
            raise UserError(f"{metric} of {folder} is held out: nothing is chosen by it")
        values[folder] = float(entry["value"])
    best = (min if lowest else max)(values, key=lambda each: values[each])
    return best, values[best]


def _summary(folder: Path, prefix: str) -> dict[str, Any]:
    path = RunFolder(folder).stress / f"{prefix}.json"
    suite = "held_out" if prefix != "stress" else "standard"
    if not path.is_file() or not RunFolder(folder).is_done("stress"):
        raise UserError(
            f"{folder} was not stressed; run_dir={folder} stages=[stress,report] stress={suite} does it"
        )
    summary: dict[str, Any] = read_json(path)
    return summary


def _same_suite(summaries: Mapping[str, Mapping[str, Any]]) -> None:
    first, *others = summaries.items()
    keys = ("suite", "severities", "seeds", "qualities")
    for run, each in others:
        differing = [key for key in keys if each[key] != first[1][key]]
        if list(each["ladders"]) != list(first[1]["ladders"]):
            differing.append("ladders")
        if differing:
            raise UserError(f"{run} and {first[0]} differ in {', '.join(differing)}: stress them alike first")


def _outputs(run: str, prefix: str, summary: Mapping[str, Any]) -> pd.DataFrame:
    curves = pd.read_parquet(RunFolder(Path(run)).tables / f"{prefix}_curves.parquet")
    scored = curves[curves["scored"].fillna(False).astype(bool) & curves["area"].notna()]
    means = scored.groupby("output", sort=False)[["clean_skill", "area"]].mean() / 100.0
    return pd.DataFrame(
        {
            "run": run,
            "output": list(summary["qualities"]),
            "clean": [means["clean_skill"].get(output) for output in summary["qualities"]],
            "stressed": [means["area"].get(output) for output in summary["qualities"]],
        }
    )


def _line(clean: Sequence[float], stressed: Sequence[float]) -> EffectiveRobustness | None:
    """Over qualities (1 + skill) / 2, which is AUC again where a skill was made of one."""
    try:
        return effective_robustness(
            [(1.0 + each) / 2.0 for each in clean], [(1.0 + each) / 2.0 for each in stressed]
        )
    except ValueError:
        # Fewer than three runs, or all of one clean quality: then there is no line to lie above.
        return None
