"""How many days before the value falls does the alarm come, and at what price in false alarms?

python experiments/early_warning/run.py --processes 2
python experiments/early_warning/run.py --quick --out FOLDER    # a look in half a minute
"""

from __future__ import annotations

import argparse
import multiprocessing
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from measuring import Ground, Record, measure
from scenarios import SCHEDULES, Scenario, Study
from scores import result_rows

from holdfast.core.files import read_json, whole_file, write_json, write_text

HERE = Path(__file__).parent
SEEDS = (101, 102, 103, 104, 105)
"""The monitor's own replays and tests use worlds 0 to 39, the pilot of this study 901 and 902."""
QUICK = Study(
    users=120,
    items=600,
    epochs=1,
    train_days=9,
    validation_days=3,
    watched_days=9,
    first_onset=2,
    last_onset=2,
    harm_rows=20,
    schedules=("unit_change",),
)


def main(words: Sequence[str] | None = None) -> None:
    """Do what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS))
    parser.add_argument("--processes", type=int, default=1, help="seeds at a time, one core each")
    parser.add_argument("--quick", action="store_true", help="one change in one tiny world")
    parser.add_argument("--runs", type=Path, default=Path("runs/early_warning"))
    parser.add_argument("--out", type=Path, default=HERE, help="where results/ and README.md are")
    parser.add_argument("--tables-only", action="store_true", help="from the results that are there")
    asked = parser.parse_args(words)
    if asked.quick and asked.out.resolve() == HERE.resolve():
        parser.error("--quick would write over the study's results; give it a folder of its own with --out")
    study, seeds = (QUICK, asked.seeds[:1]) if asked.quick else (Study(), asked.seeds)
    results = asked.out / "results" / "results.csv"
    if not asked.tables_only:
        table = measured(study, seeds, asked.runs / ("quick" if asked.quick else "whole"), asked.processes)
        results.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(results) as temporary:
            table.to_csv(temporary, index=False, float_format="%.5f")
    present(pd.read_csv(results), asked.out)


def present(table: pd.DataFrame, out: Path) -> None:
    """Answer, tables and figure of the results."""
    from figure import draw
    from findings import answer
    from tables import all_tables, every_scenario

    from holdfast.core.marked_text import write_between

    draw(table, out / "results" / "early_warning.png")
    write_text(out / "results" / "by_scenario.md", every_scenario(table))
    for name, text in {"answer": answer(table), "tables": all_tables(table)}.items():
        print(text)
        if (out / "README.md").is_file():
            write_between(out / "README.md", text, name=name)


def measured(study: Study, seeds: Sequence[int], folder: Path, processes: int) -> pd.DataFrame:
    """The table of results. What is there already under the same settings is not measured again."""
    todo = [seed for seed in seeds if any(_kept(study, folder, seed, s) is None for s in study.scenarios())]
    print(f"{len(seeds)} seeds, {len(seeds) - len(todo)} of them done", flush=True)
    spent = 0.0
    for done, (seed, seconds) in enumerate(_done(study, todo, folder, processes), start=1):
        spent += seconds
        left = spent / done * (len(todo) - done)
        print(f"seed {seed}: {spent:.0f} s of CPU so far, about {left:.0f} to come", flush=True)
    rows: list[dict[str, Any]] = []
    for seed in seeds:
        stable = _kept(study, folder, seed, Scenario())
        assert stable is not None
        for scenario in study.scenarios():
            record = _kept(study, folder, seed, scenario)
            assert record is not None
            rows += result_rows(seed, scenario, record, stable)
    return pd.DataFrame(rows)


def _done(study: Study, seeds: Sequence[int], folder: Path, processes: int) -> Iterator[tuple[int, float]]:
    """Seeds as they get done, with their seconds; one process is this one."""
    if processes == 1:
        yield from ((seed, _one(study, seed, folder)) for seed in seeds)
        return
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(
        processes, mp_context=spawn, initializer=torch.set_num_threads, initargs=(1,)
    ) as pool:
        futures = {pool.submit(_one, study, seed, folder): seed for seed in seeds}
        for future in as_completed(futures):
            yield futures[future], future.result()


def _one(study: Study, seed: int, folder: Path) -> float:
    """Measure and keep what is missing of a seed; gives the seconds of CPU that it took."""
    start = time.process_time()
    ground = Ground(study, seed, _folder(folder, seed) / "run")
    for scenario in study.scenarios():
        if _kept(study, folder, seed, scenario) is not None:
            continue
        begun = time.process_time()
        record = measure(ground, scenario)
        write_json(
            _folder(folder, seed) / f"{scenario.name}.json",
            {"settings": _settings(study, scenario), "record": record},
        )
        print(f"seed {seed}, {scenario.name}: {time.process_time() - begun:.0f} s of CPU", flush=True)
    return time.process_time() - start


def _kept(study: Study, folder: Path, seed: int, scenario: Scenario) -> Record | None:
    path = _folder(folder, seed) / f"{scenario.name}.json"
    if not path.is_file():
        return None
    found = read_json(path)
    kept: Record | None = found["record"] if found["settings"] == _settings(study, scenario) else None
    return kept


def _settings(study: Study, scenario: Scenario) -> dict[str, Any]:
    """What a scenario's result hangs on, as JSON has it; not on which others are asked for."""
    sizes = {name: value for name, value in asdict(study).items() if name != "schedules"}
    schedule = SCHEDULES.get(scenario.schedule)
    return {**sizes, "change": None if schedule is None else asdict(schedule)}


def _folder(folder: Path, seed: int) -> Path:
    return folder / f"seed_{seed}"


if __name__ == "__main__":
    main()
