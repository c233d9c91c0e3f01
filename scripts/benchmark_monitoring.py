"""How long a report on 50 numeric and 20 categorical columns takes, and how much memory.

    python scripts/benchmark_monitoring.py --rows 1000000
    python scripts/benchmark_monitoring.py --peer-python <an interpreter that has nannyml>

CPU seconds of one report, with the reference built and kept beforehand; ten numeric columns are shifted by
0.15 standard deviations, four categorical ones have their most frequent category 1.3 times as often. A peer
runs in its own environment on the same columns, by the same rule: fitting on the reference is not counted.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

for library in ("OMP", "OPENBLAS", "MKL"):
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402

NUM_NUMERIC, NUM_CATEGORICAL, NUM_CATEGORIES = 50, 20, 50

PEER = """
import json, sys, time
import numpy as np, pandas as pd
import nannyml as nml
reference, current = (pd.read_parquet(path) for path in sys.argv[1:3])
calculator = nml.UnivariateDriftCalculator(
    column_names=list(reference.columns), treat_as_categorical=[c for c in reference if c[0] == "c"],
    continuous_methods=["kolmogorov_smirnov"], categorical_methods=["chi2"], chunk_number=1,
)
calculator.fit(reference)
start = time.process_time()
calculator.calculate(current)
print(json.dumps({"cpu_seconds": time.process_time() - start}))
"""


def columns(num_rows: int, *, seed: int, is_shifted: bool) -> pd.DataFrame:
    draws = np.random.default_rng(seed)
    table: dict[str, object] = {}
    for place in range(NUM_NUMERIC):
        shift = 0.15 if is_shifted and place < 10 else 0.0
        table[f"x{place}"] = draws.normal(shift, 1, num_rows)
    names = np.array([f"category {number}" for number in range(NUM_CATEGORIES)])
    for place in range(NUM_CATEGORICAL):
        chance = 1 / np.arange(1, NUM_CATEGORIES + 1)
        if is_shifted and place < 4:
            chance[0] *= 1.3
        codes = draws.choice(NUM_CATEGORIES, num_rows, p=chance / chance.sum())
        column = pd.Series(pd.Categorical.from_codes(codes, categories=names))
        table[f"c{place}"] = column if place % 2 else column.astype("str")
    return pd.DataFrame(table)


def peak_megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measured(form: str, folder: Path, current: Path) -> None:
    """One report in a process of its own, so that its peak is its own."""
    from holdfast.monitoring.monitoring_columns import monitor_columns
    from holdfast.monitoring.reference_file import load_reference

    frame = pd.read_parquet(current)
    held = peak_megabytes()
    reference = load_reference(folder)
    start = time.process_time()
    table = monitor_columns(reference, frame)
    seconds = time.process_time() - start
    found = table[(table["p_value"] < 0.001 / len(table))]
    print(
        f"{form:8s} {seconds:7.2f} CPU s   peak {peak_megabytes():6.0f} MB "
        f"({held:.0f} with the window read)   {found['where'].nunique()} columns found, 14 shifted"
    )


def peer(python: str, reference: Path, current: Path) -> None:
    done = subprocess.run(
        [python, "-c", PEER, str(reference), str(current)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        print("the peer failed:", done.stderr.strip().splitlines()[-1:])
        return
    print("NannyML  (binned KS and chi-square alone)", done.stdout.strip().splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--peer-python", default="", help="an interpreter that has nannyml")
    parser.add_argument("--measure", nargs=3, metavar=("FORM", "FOLDER", "PARQUET"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        form, folder, current = given.measure
        measured(form, Path(folder), Path(current))
        return
    from holdfast.monitoring.reference import Reference
    from holdfast.monitoring.reference_file import save_reference

    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        before = columns(given.rows, seed=0, is_shifted=False)
        before.to_parquet(place / "reference.parquet")
        start = time.process_time()
        reference = Reference.from_frame(before)
        print(f"building the reference took {time.process_time() - start:.1f} CPU s")
        del before
        save_reference(reference, place / "exact")
        save_reference(reference.sketched(), place / "sketch")
        size = sum(path.stat().st_size for path in (place / "sketch").iterdir())
        print(
            f"the sketch is {size / 1e3:.0f} KB, its sample of rows included; load {os.getloadavg()[0]:.1f}"
        )
        del reference
        columns(given.rows, seed=1, is_shifted=True).to_parquet(place / "current.parquet")
        for form in ("exact", "sketch"):
            paths = [form, str(place / form), str(place / "current.parquet")]
            subprocess.run([sys.executable, __file__, "--measure", *paths], check=True)
        if given.peer_python:
            peer(given.peer_python, place / "reference.parquet", place / "current.parquet")


if __name__ == "__main__":
    main()
