"""Every mixture, interaction, sequence encoder and balance under one budget.

python experiments/model_zoo/run.py --processes 2
python experiments/model_zoo/run.py --tables    # tables and figure alone, from results/

What is done already costs nothing: results of single trainings lie in the folder ``--runs``.
"""

from __future__ import annotations

import argparse
import multiprocessing
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from figure import draw
from gathering import TUNED, Results, gathered, save, saved
from one_fit import Job, run_job
from study import QUICK, Study
from tables import sections
from variants import chosen

from holdfast.core.marked_text import write_between

HERE = Path(__file__).parent


def main(words: Sequence[str] | None = None) -> None:
    """Do what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--processes", type=int, default=2, help="trainings at a time, one core each")
    parser.add_argument("--only", nargs="+", default=[], help="contenders beside the reference and the base")
    parser.add_argument("--quick", action="store_true", help="a tiny world, to see that everything runs")
    parser.add_argument("--runs", type=Path, default=None, help="results of single trainings")
    parser.add_argument("--out", type=Path, default=None, help="tables and figure; experiments/model_zoo")
    parser.add_argument("--tables", action="store_true", help="tables and figure from what was saved")
    asked = parser.parse_args(words)
    whole = not (asked.quick or asked.only)
    if not whole and asked.out is None:
        parser.error("--quick and --only are not the study: say where tables go with --out")
    out = asked.out or HERE
    study = QUICK if asked.quick else Study()
    if not asked.tables:
        runs = asked.runs or Path("runs/model_zoo_quick" if asked.quick else "runs/model_zoo")
        results = all_results(study, tuple(asked.only), runs, processes=asked.processes)
        save(out / "results", gathered(results, study))
    found = saved(out / "results")
    differences = found.differences
    draw(differences[differences["rates"] == TUNED], out / "results" / "gains.png")
    for name, text in sections(found).items():
        if (out / "README.md").is_file():
            write_between(out / "README.md", text, name=name)
        else:
            print(text, end="\n\n")


def all_results(study: Study, only: tuple[str, ...], runs: Path, *, processes: int) -> Results:
    """Every training: those that choose a rate for each contender, those with it, those with one for all."""
    contenders = chosen(only).values()
    tuning = [
        Job(variant=each, seed=study.tuning_seed, rate=rate, study=study, runs=runs)
        for each in contenders
        for rate in study.rates
    ]
    tried = list(done(tuning, processes=processes))
    best = {each.name: best_rate(tried, each.name) for each in contenders}
    tuned, same = (
        [
            Job(variant=each, seed=seed, rate=rates[each.name], study=study, runs=runs)
            for seed in study.seeds
            for each in contenders
        ]
        for rates in (best, dict.fromkeys(best, study.same_rate))
    )
    return Results(
        tuning=tried,
        tuned=list(done(tuned, processes=processes)),
        same=list(done(same, processes=processes)),
    )


def best_rate(tried: Sequence[dict[str, Any]], name: str) -> float:
    """The rate with the smallest validation loss in the tuning world; the smaller one of equals."""
    mine = [each for each in tried if each["variant"] == name]
    return float(min(mine, key=lambda each: (each["validation_loss"], each["rate"]))["rate"])


def done(jobs: Sequence[Job], *, processes: int) -> Iterator[dict[str, Any]]:
    """The result of every job, told as it comes."""
    started = time.monotonic()
    for ready, result in enumerate(_each(jobs, processes), start=1):
        print(
            f"{ready}/{len(jobs)} after {(time.monotonic() - started) / 60:.1f} min: {result['variant']}, "
            f"seed {result['seed']}, rate {result['rate']:g}: loss {result['validation_loss']:.4f}",
            flush=True,
        )
        yield result


def _each(jobs: Sequence[Job], processes: int) -> Iterator[dict[str, Any]]:
    if processes == 1:
        yield from map(run_job, jobs)
        return
    # Fresh processes: PyTorch and Lightning do not like to be forked.
    with ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn")) as workers:
        for future in as_completed([workers.submit(run_job, job) for job in jobs]):
            yield future.result()


if __name__ == "__main__":
    main()
