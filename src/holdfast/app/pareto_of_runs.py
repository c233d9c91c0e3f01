"""``holdfast pareto``: which of several trained runs are not beaten in everything by another one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from holdfast.app.run_folder import RunFolder
from holdfast.app.stressing.alike import check_alike
from holdfast.core.errors import UserError
from holdfast.core.files import read_json, whole_file, whole_folder, write_text
from holdfast.evaluation.pareto import hypervolume, non_dominated

USAGE = """\
usage: holdfast pareto RUN RUN ... [--metrics NAME,NAME[,NAME]] [--reference NUMBER,...] [--out FOLDER]

Which of several saved runs, such as those of different preference vectors, are beaten in everything by
another one, and how much the others cover; a page with a plot, and a table.

  --metrics    two or three names of metrics.json, more is better; -NAME where less is. By default the AUC of
               clicks, the XAUC of dwell and the AUC of returns within the longest horizon on the test window,
               as far as all runs have them
  --reference  from where the covered volume is counted, one number a metric; by default 0.5 for an AUC, and
               for others the worst of the runs
  --out        a new folder for page and table; pareto by default"""

CHANCE = 0.5
"""What an AUC is without skill."""


@dataclass(frozen=True)
class RunsFront:
    """Several runs as points.

    Attributes:
        table: ``run``, ``name``, ``seed``, ``fusion``, each metric with ``<metric>_low`` and ``_high``, and
            ``on_front``.
        metrics: as they were named; a leading minus for those of which less is better.
        reference: one number a metric, in the metric's own direction.
        hypervolume: between the reference and the front, in the metrics' units.
    """

    table: pd.DataFrame
    metrics: tuple[str, ...]
    reference: tuple[float, ...]
    hypervolume: float


def pareto_of_runs(
    folders: Sequence[str | Path],
    *,
    metrics: Sequence[str] = (),
    reference: Sequence[float] = (),
) -> RunsFront:
    """Read saved runs and tell which are beaten in everything.

    Args:
        folders: of runs that were evaluated, at least two.
        metrics: two or three names of ``metrics.json``; a leading minus where less is better. By default
            those of each objective that all runs have.
        reference: one number a metric; by default 0.5 for an AUC, else the worst of the runs.

    Raises:
        UserError: a folder holds no evaluated run, the runs are of different logs or windows, or a metric is
            missing or undefined in one of them.
    """
    if len({str(Path(each).resolve()) for each in folders}) < 2:
        raise UserError("a front needs at least two different runs; name their folders")
    runs = [_opened(Path(each)) for each in folders]
    _check_alike(runs)
    names = tuple(metrics) or _default_metrics(runs)
    if not 2 <= len(names) <= 3:
        raise UserError(f"metrics are {list(names)}; give two or three, with --metrics=NAME,NAME")
    table = pd.DataFrame([{**run["about"], **_values(run, names)} for run in runs])
    _check_suites(runs, names)
    signs = [-1.0 if name.startswith("-") else 1.0 for name in names]
    values = table[[name.removeprefix("-") for name in names]].to_numpy() * signs
    table["on_front"] = non_dominated(values)
    lowest = tuple(reference) or tuple(
        sign * (CHANCE if _is_auc(name) else float(values[:, place].min()))
        for place, (name, sign) in enumerate(zip(names, signs, strict=True))
    )
    if len(lowest) != len(names):
        raise UserError(f"reference has {len(lowest)} numbers, and there are {len(names)} metrics")
    volume = hypervolume(values, reference=[each * sign for each, sign in zip(lowest, signs, strict=True)])
    return RunsFront(table, names, lowest, volume)


def pareto_command(words: Sequence[str]) -> int:
    """Run ``holdfast pareto`` with the words that follow it; gives the exit code.

    Raises:
        UserError: the words are wrong, or the runs cannot be compared.
    """
    if not words or any(word in ("-h", "--help") for word in words):
        print(USAGE)
        return 0
    folders, options = _parsed(words)
    try:
        reference = [float(each) for each in options.get("reference", "").split(",") if each]
    except ValueError as error:
        raise UserError(f"--reference: {error}; give numbers, one a metric") from error
    metrics = [each for each in options.get("metrics", "").split(",") if each]
    front = pareto_of_runs(folders, metrics=metrics, reference=reference)
    place = Path(options.get("out", "pareto"))
    if place.exists() and not (place / "pareto.parquet").is_file():
        raise UserError(f"{place} exists and holds no front; choose a new folder with --out=...")
    from holdfast.app.report.runs_front import runs_front_page

    with whole_folder(place) as temporary:
        with whole_file(temporary / "pareto.parquet") as path:
            front.table.to_parquet(path, index=False)
        write_text(temporary / "pareto.html", runs_front_page(front))
    kept = front.table.loc[front.table["on_front"], "run"].tolist()
    print(f"on the front: {', '.join(kept)}")
    print(f"hypervolume {front.hypervolume:.6g} from {', '.join(f'{each:g}' for each in front.reference)}")
    print(place / "pareto.html")
    return 0


def _parsed(words: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    folders: list[str] = []
    options: dict[str, str] = {}
    waiting = iter(words)
    for word in waiting:
        if not word.startswith("--"):
            folders.append(word)
            continue
        name, has_value, value = word.removeprefix("--").partition("=")
        if name not in ("metrics", "reference", "out"):
            raise UserError(f"holdfast pareto knows no {word}\n{USAGE}")
        options[name] = value if has_value else next(waiting, "")
        if not options[name]:
            raise UserError(f"--{name} needs a value\n{USAGE}")
    return folders, options


def _opened(path: Path) -> dict[str, Any]:
    folder = RunFolder(path)
    if not folder.is_run or not folder.is_done("evaluate") or not folder.metrics_file.is_file():
        raise UserError(f"{path} holds no evaluated run; run its stage evaluate first")
    config, manifest = folder.saved_config(), read_json(folder.manifest_file)
    return {
        "about": {
            "run": str(path),
            "name": str(config["name"]),
            "seed": int(config["seed"]),
            "fusion": str(config["fusion"]["_target_"]).rpartition(".")[2],
        },
        "metrics": read_json(folder.metrics_file),
        "alike": {
            "the log": manifest.get("data_fingerprint"),
            "split": config["split"],
            "horizon_days": config["horizon_days"],
        },
    }


def _check_alike(runs: Sequence[dict[str, Any]]) -> None:
    """Refuse points of different questions on one plot."""
    first = runs[0]
    for run in runs[1:]:
        for what, value in run["alike"].items():
            if value != first["alike"][what]:
                raise UserError(
                    f"{first['about']['run']} and {run['about']['run']} differ in {what}; only runs that "
                    "were measured on the same rows can beat each other"
                )


def _check_suites(runs: Sequence[dict[str, Any]], names: Sequence[str]) -> None:
    """Refuse numbers that were not measured alike, and those of suites that nothing is chosen by."""
    for name in (each.removeprefix("-") for each in names):
        if any(run["metrics"][name].get("held_out") for run in runs):
            raise UserError(f"{name} comes from a held-out suite, and nothing is chosen by it: no front")
        check_alike(name, {Path(run["about"]["run"]): run["metrics"][name] for run in runs})


def _default_metrics(runs: Sequence[dict[str, Any]]) -> tuple[str, ...]:
    shared = set.intersection(*(set(run["metrics"]) for run in runs))
    horizons = [
        int(name.split("/")[2].removeprefix("d"))
        for name in shared
        if name.startswith("test/retention/d") and name.endswith("/auc") and name.count("/") == 3
    ]
    wanted = ["test/click/auc", "test/dwell/xauc"]
    wanted += [f"test/retention/d{max(horizons)}/auc"] if horizons else []
    return tuple(name for name in wanted if name in shared)


def _values(run: dict[str, Any], names: Sequence[str]) -> dict[str, float | None]:
    found: dict[str, float | None] = {}
    for name in (each.removeprefix("-") for each in names):
        metric = run["metrics"].get(name)
        if metric is None or metric["value"] is None:
            why = "is undefined" if metric else "is not"
            raise UserError(
                f"{name} {why} in the metrics of {run['about']['run']}; choose others with --metrics"
            )
        found[name] = metric["value"]
        found[f"{name}_low"], found[f"{name}_high"] = metric["low"], metric["high"]
    return found


def _is_auc(name: str) -> bool:
    return not name.startswith("-") and name.rpartition("/")[2] in ("auc", "xauc", "c_index")
