"""Stressed runs beside each other: whether the clean order holds, who is more robust than expected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from holdfast.app.run_folder import RunFolder
from holdfast.app.stressing.alike import check_alike, check_one_yardstick
from holdfast.app.stressing.records import prefixes_in, record_of
from holdfast.app.stressing.settings import HELD_OUT, HELD_OUT_PREFIX, STANDARD_PREFIX, StressSettings
from holdfast.core.errors import UserError
from holdfast.core.files import read_json
from holdfast.evaluation.robustness.effective_robustness import EffectiveRobustness, effective_robustness
from holdfast.evaluation.robustness.rank_stability import RankStability, rank_stability


@dataclass(frozen=True)
class Comparison:
    """Runs of one suite.

    Attributes:
        suite: its name.
        fingerprint: of what all the numbers were measured by.
        runs: ``run``, ``ship_score``, ``low``, ``high``; a row a run, in the order in which they were named.
        outputs: ``run``, ``output``, ``clean``, ``stressed``, ``effective_robustness``: skills in [-1, 1] of
            the clean window and averaged over the scored ladders (their areas), the residual from the line
            through all runs; NaN where undefined, or where there is no line.
        stability: by output.
        lines: of effective robustness, by output; None where there are fewer than three runs, or no line.
    """

    suite: str
    fingerprint: str
    runs: pd.DataFrame
    outputs: pd.DataFrame
    stability: dict[str, RankStability]
    lines: dict[str, EffectiveRobustness | None]


def compare_runs(folders: Sequence[Path], *, suite: str | None = None, held_out: bool = False) -> Comparison:
    """Compare what the stage stress left in several runs.

    Args:
        folders: of at least two runs, measured alike: by one suite with one setting, on one log and window.
        suite: its name; None for one that all runs have, the standard one before others. Held-out suites only
            when they are asked for.
        held_out: whether that suite is held out. It compares; nothing may be chosen by it.

    Raises:
        UserError: a run was not stressed, or not since scores mean what they mean today, or the runs were not
            measured alike; it says in what they differ.
    """
    if len(folders) < 2:
        raise UserError(f"a comparison needs at least two runs, and {len(folders)} are named")
    if len({str(folder.resolve()) for folder in folders}) < len(folders):
        raise UserError("a run is named twice; name each once")
    prefix = _prefix(folders, suite, held_out=held_out)
    summaries = {str(folder): record_of(RunFolder(folder), prefix) for folder in folders}
    check_one_yardstick(summaries)
    first = next(iter(summaries.values()))
    scores = [
        {"run": run, **{key: (each["ship_score"] or {}).get(key) for key in ("value", "low", "high")}}
        for run, each in summaries.items()
    ]
    outputs = pd.concat([_outputs(run, prefix, each) for run, each in summaries.items()], ignore_index=True)
    stability, lines = {}, {}
    outputs["effective_robustness"] = np.nan
    for output, rows in outputs.groupby("output", sort=False):
        stability[str(output)] = rank_stability(rows["clean"].tolist(), rows["stressed"].tolist())
        # A run without a value on one side has no place on the line; the others keep theirs.
        defined = rows.dropna(subset=["clean", "stressed"])
        line = _line(defined["clean"].tolist(), defined["stressed"].tolist())
        lines[str(output)] = line
        if line is not None:
            # From AUC-like qualities in (0, 1) back to skills, which are twice as wide.
            outputs.loc[defined.index, "effective_robustness"] = 2.0 * line.residuals
    return Comparison(
        suite=str(first["suite"]),
        fingerprint=str(first["suite_fingerprint"]),
        runs=pd.DataFrame(scores).rename(columns={"value": "ship_score"}),
        outputs=outputs,
        stability=stability,
        lines=lines,
    )


def _prefix(folders: Sequence[Path], suite: str | None, *, held_out: bool) -> str:
    """Of the suite that is asked for, or of one that all runs have."""
    if suite is not None:
        try:
            return StressSettings(name=suite, held_out=held_out or suite == HELD_OUT).prefix
        except ValueError as error:
            raise UserError(f"--suite={suite}: {error}") from error
    if held_out:
        return HELD_OUT_PREFIX
    everywhere = set.intersection(*(set(prefixes_in(RunFolder(folder))) for folder in folders))
    shared = [prefix for prefix in prefixes_in(RunFolder(folders[0])) if prefix in everywhere]
    choosable = [prefix for prefix in shared if not prefix.startswith(HELD_OUT_PREFIX)]
    return (choosable or [STANDARD_PREFIX])[0]


def best_run(folders: Sequence[Path], metric: str, *, lowest: bool = False) -> tuple[Path, float]:
    """The run with the best value of a metric, and the value.

    Args:
        folders: of at least one run.
        metric: name in ``metrics.json``.
        lowest: whether smaller is better.

    Raises:
        UserError: the metric is of a held-out suite, by which nothing is chosen; or a run does not have it,
            or the runs were not measured alike.
    """
    if metric.split("/")[0].startswith(HELD_OUT_PREFIX):
        raise UserError(
            f"{metric} comes from a held-out suite: it judges in the end, and nothing is chosen or tuned by "
            "it. Choose by validation/..., or by a suite that judges on the way: stress/..., stress_quick/..."
        )
    if not folders:
        raise UserError("no run is named")
    values: dict[Path, float] = {}
    entries: dict[Path, Mapping[str, Any]] = {}
    for folder in folders:
        path = RunFolder(folder).metrics_file
        if not path.is_file():
            raise UserError(f"{folder} holds no metrics.json; run the stage evaluate or stress there first")
        there = read_json(path)
        entry = there.get(metric)
        if entry is None or entry["value"] is None:
            why = (
                f"does not have it{_of_other_suites(metric, there)}"
                if entry is None
                else f"has no value for it ({entry['note']})"
            )
            raise UserError(f"cannot choose by {metric}: {folder} {why}")
        if entry.get("held_out"):
            raise UserError(f"{metric} of {folder} is held out: nothing is chosen by it")
        values[folder], entries[folder] = float(entry["value"]), entry
    check_alike(metric, entries)
    best = (min if lowest else max)(values, key=lambda each: values[each])
    return best, values[best]


def _of_other_suites(metric: str, there: Mapping[str, Any]) -> str:
    """The same number of suites by which one may choose, where it is of one that was not climbed."""
    start, _, rest = metric.partition("/")
    if start.split("_")[0] != STANDARD_PREFIX:
        return ""
    others = [
        name
        for name, entry in there.items()
        if name.startswith(STANDARD_PREFIX) and name.partition("/")[2] == rest and not entry.get("held_out")
    ]
    return f"; it has {', '.join(others)}" if others else ""


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
