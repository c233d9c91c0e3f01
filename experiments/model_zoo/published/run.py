#!/usr/bin/env python
"""Do the mixtures reproduce published figures of multi-task models, where the data are at hand?

    python experiments/model_zoo/published/run.py --benchmark aliexpress --country NL
    python experiments/model_zoo/published/run.py --benchmark aliexpress --country NL --data FOLDER \\
        --mixture mmoe --seeds 0 1 2 3 4

Without --data: the published figures beside empty cells, and how to get the data. With it: every mixture is
trained once a seed with the published setting (settings/<benchmark>.yaml), and the AUC on the test rows,
mean with its 95 % interval over seeds, stands beside what was published. Writes runs.csv, a row a run, and
table.md.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from ali_ccp import ALI_CCP
from aliexpress import ALIEXPRESS, COUNTRIES
from benchmark import Benchmark, BenchmarkSettings, with_country
from census import CENSUS
from components import components, mixture, mixture_names, read_settings
from kuairand import KUAIRAND
from learning import trained_and_judged
from strict_csv import where_to_get
from table import markdown, published
from windows import encode

from holdfast.core.errors import UserError
from holdfast.core.files import whole_file, write_text

BENCHMARKS = {each.name: each for each in (ALIEXPRESS, CENSUS, ALI_CCP, KUAIRAND)}


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; returns the exit code."""
    asked = _arguments(arguments)
    try:
        print(_compared(asked))
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def _compared(asked: argparse.Namespace) -> str:
    if len(set(asked.seeds)) < len(asked.seeds):
        raise UserError(f"--seeds are {asked.seeds}; the same run twice says nothing new, so name each once")
    benchmark = BENCHMARKS[asked.benchmark]
    settings = with_country(read_settings(benchmark.name), _country(asked))
    title = f"{benchmark.title} {settings.country}".strip()
    if asked.data is None:
        said = f"no --data given, so nothing was trained: {where_to_get(benchmark.dataset)}"
        return f"{title}: {said}\n\n{_table(benchmark, settings, pd.DataFrame(), asked.mixture)}"
    folder = asked.out / "_".join([benchmark.name, *([settings.country] if settings.country else [])])
    runs = _trained(benchmark, settings, asked, folder)
    table = _table(benchmark, settings, runs, asked.mixture)
    seeds = f"mean [95 % interval] over the seeds {', '.join(map(str, asked.seeds))}"
    text = f"{title}: AUC on the test rows, {seeds}\n\n{table}"
    write_text(folder / "table.md", text + "\n")
    return f"{text}\n\nwritten: {folder / 'runs.csv'}, {folder / 'table.md'}"


def _trained(
    benchmark: Benchmark, settings: BenchmarkSettings, asked: argparse.Namespace, folder: Path
) -> pd.DataFrame:
    """One row a run; the file grows with every run, so that a stopped comparison keeps what it had."""
    if (folder / "runs.csv").exists():
        raise UserError(
            f"{folder / 'runs.csv'} holds the runs of before; name another folder with --out, or move it away"
        )
    # Settings first: a wrong one is told before hours of reading.
    parts = components(settings, changes=asked.set)
    mixtures = {name: mixture(name, settings) for name in asked.mixture}
    windows = benchmark.read(asked.data, settings)
    for note in windows.notes:
        print(note)
    sizes = " | ".join(
        f"{name} {len(rows)}"
        for name, rows in (
            ("train", windows.train),
            ("validation", windows.validation),
            ("test", windows.test),
        )
    )
    print(f"rows: {sizes}", flush=True)
    data = encode(benchmark, windows, parts.encoder)
    del windows  # The raw rows take as much memory as the encoded ones.
    rows = []
    for name, each in mixtures.items():
        for seed in asked.seeds:
            found = trained_and_judged(data, each, components=parts, seed=seed)
            rows.append({"mixture": name, "seed": seed, **found})
            said = "  ".join(f"{task} {found[task]:.4f}" for task in data.tasks)
            print(f"{name} seed {seed}: {said}  ({found['seconds']:.0f} s)", flush=True)
            with whole_file(folder / "runs.csv") as path:
                pd.DataFrame(rows).to_csv(path, index=False, float_format="%.6g")
    return pd.DataFrame(rows)


def _table(
    benchmark: Benchmark, settings: BenchmarkSettings, runs: pd.DataFrame, mixtures: Sequence[str]
) -> str:
    figures, sources = published(benchmark.name, settings.country)
    table = markdown(figures, runs, tasks=benchmark.tasks, mixtures=mixtures, tolerance=settings.tolerance)
    notes = [f"{key} {text}" for key, text in sources.items()]
    if settings.tolerance:
        allowed = ", ".join(f"{task} {value:g}" for task, value in settings.tolerance.items())
        notes.append(f"within: no farther from the published AUC than {allowed}")
    return "\n".join([table, "", *notes])


def _country(asked: argparse.Namespace) -> str:
    if asked.benchmark == "aliexpress":
        return asked.country or COUNTRIES[0]
    if asked.country:
        raise UserError(f"--country is for aliexpress; {asked.benchmark} has none, so leave it out")
    return ""


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--benchmark", choices=list(BENCHMARKS), required=True)
    parser.add_argument("--country", choices=COUNTRIES, help="of AliExpress; NL by default")
    parser.add_argument("--data", type=Path, help="folder with the files, as datasets/*/README.md says")
    parser.add_argument("--mixture", nargs="+", choices=mixture_names(), default=["mmoe"])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument(
        "--set", nargs="+", default=[], metavar="KEY=VALUE", help="such as trainer.max_epochs=1"
    )
    parser.add_argument("--out", type=Path, default=Path("runs/published"))
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
