"""Does clean AUC predict what is left when production moves, and does robust training pay?

python experiments/robust_or_accurate/run.py --processes 2
python experiments/robust_or_accurate/run.py --quick --out FOLDER    # a look in half a minute
"""

from __future__ import annotations

import argparse
import multiprocessing
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from contenders import Study
from measuring import Grounds, Record, measure

from holdfast.core.files import read_json, whole_file, write_json
from holdfast.evaluation.robustness.ship_score import SCORE_VERSION

HERE = Path(__file__).parent
QUICK = Study(users=500, items=300, epochs=2, severities=(2, 5), models=("plain", "small", "vrex"))
Job = tuple[int, str]
_GROUNDS = Grounds()
"""Of a process, so that a seed's windows are made once in it."""


def main(words: Sequence[str] | None = None) -> None:
    """Do what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--processes", type=int, default=1, help="models at a time, one core each")
    parser.add_argument("--quick", action="store_true", help="three models in two tiny worlds")
    parser.add_argument("--runs", type=Path, default=Path("runs/robust_or_accurate"))
    parser.add_argument("--out", type=Path, default=HERE, help="where results/ and README.md are")
    parser.add_argument("--tables-only", action="store_true", help="from the results that are there")
    asked = parser.parse_args(words)
    if asked.quick and asked.out.resolve() == HERE.resolve():
        parser.error("--quick would write over the study's results; give it a folder of its own with --out")
    study, seeds = (QUICK, asked.seeds[:2]) if asked.quick else (Study(), asked.seeds)
    results = asked.out / "results" / "results.csv"
    if not asked.tables_only:
        table = measured(study, seeds, asked.runs / ("quick" if asked.quick else "whole"), asked.processes)
        results.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(results) as temporary:
            table.to_csv(temporary, index=False, float_format="%.5f")
    present(pd.read_csv(results), asked.out)


def present(table: pd.DataFrame, out: Path) -> None:
    """Answer, tables, findings and figure of the results."""
    from figure import draw
    from findings import answer, findings, version_words
    from tables import all_tables

    from holdfast.core.marked_text import write_between

    parts = {
        "answer": f"{answer(table)}\n- {version_words(table)}",
        "tables": all_tables(table),
        "findings": findings(table),
    }
    draw(table, out / "results" / "robust_or_accurate.png")
    for name, text in parts.items():
        print(text)
        if (out / "README.md").is_file():
            write_between(out / "README.md", text, name=name)


def measured(study: Study, seeds: Sequence[int], folder: Path, processes: int) -> pd.DataFrame:
    """A row a seed and model. What is there by the same settings and score is not measured again."""
    jobs = [(seed, model) for seed in seeds for model in study.chosen]
    open_jobs = [job for job in jobs if _kept(study, folder, *job) is None]
    print(f"{len(jobs)} trainings, {len(jobs) - len(open_jobs)} of them done", flush=True)
    spent = 0.0
    for done, (job, seconds) in enumerate(_done(study, open_jobs, folder, processes), start=1):
        spent += seconds
        left = spent / done * (len(open_jobs) - done)
        print(f"seed {job[0]}, {job[1]}: {spent:.0f} s of CPU so far, about {left:.0f} to come", flush=True)
    rows = []
    for seed, model in jobs:
        found = _kept(study, folder, seed, model)
        assert found is not None
        rows.append({"seed": seed, "model": model, "score_version": SCORE_VERSION, **found})
    return pd.DataFrame(rows)


def _done(study: Study, jobs: Sequence[Job], folder: Path, processes: int) -> Iterator[tuple[Job, float]]:
    """Jobs as they get done, with their seconds; one process is this one."""
    if processes == 1:
        yield from ((job, _one(study, *job, folder)) for job in jobs)
        return
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(
        processes, mp_context=spawn, initializer=torch.set_num_threads, initargs=(1,)
    ) as pool:
        futures = {pool.submit(_one, study, *job, folder): job for job in jobs}
        for future in as_completed(futures):
            yield futures[future], future.result()


def _one(study: Study, seed: int, model: str, folder: Path) -> float:
    """Measure and keep; gives the seconds of CPU that it took."""
    start = time.process_time()
    record = measure(study, model, seed, _GROUNDS)
    folder.mkdir(parents=True, exist_ok=True)
    write_json(_path(folder, seed, model), {**_made_by(study, seed, model), "figures": record})
    return time.process_time() - start


def _kept(study: Study, folder: Path, seed: int, model: str) -> Record | None:
    path = _path(folder, seed, model)
    if not path.is_file():
        return None
    found = read_json(path)
    asked = _made_by(study, seed, model)
    return found["figures"] if {key: found.get(key) for key in asked} == asked else None


def _made_by(study: Study, seed: int, model: str) -> dict[str, Any]:
    """What a kept result must have been made by: another version of the score gives other figures."""
    return {"words": study.words(model, seed), "score_version": SCORE_VERSION}


def _path(folder: Path, seed: int, model: str) -> Path:
    return folder / f"{model}-seed_{seed}.json"


if __name__ == "__main__":
    main()
