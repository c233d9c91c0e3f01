"""How long a report on 50 numeric and 20 categorical columns takes, and how much memory.

    python scripts/benchmark_monitoring.py --rows 1000000
    python scripts/benchmark_monitoring.py --peer nannyml evidently

CPU seconds of one report, with the reference built and kept beforehand; ten numeric columns are shifted by
0.15 standard deviations, four categorical ones have their most frequent category 1.3 times as often. A peer
is installed into an environment of its own, in the user's cache folder, and reads the same columns; what it
can fit on the reference beforehand is not counted either.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

for library in ("OMP", "OPENBLAS", "MKL"):
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402

NUM_NUMERIC, NUM_CATEGORICAL, NUM_CATEGORIES = 50, 20, 50

PEERS = {
    "nannyml": ["nannyml==0.13.1", "statsmodels"],
    "evidently": ["evidently==0.7.23", "pandas<3"],
}
RUN_PEER = {
    "nannyml": """
import nannyml as nml
calculator = nml.UnivariateDriftCalculator(
    column_names=list(reference.columns), treat_as_categorical=[c for c in reference if c[0] == "c"],
    continuous_methods=["kolmogorov_smirnov"], categorical_methods=["chi2"], chunk_number=1,
)
calculator.fit(reference)
start = time.process_time()
calculator.calculate(current)
""",
    "evidently": """
from evidently import DataDefinition, Dataset, Report
from evidently.presets import DataDriftPreset
names = list(reference.columns)
definition = DataDefinition(
    numerical_columns=[c for c in names if c[0] == "x"], categorical_columns=[c for c in names if c[0] == "c"]
)
sides = [Dataset.from_pandas(each, data_definition=definition) for each in (current, reference)]
start = time.process_time()
Report([DataDriftPreset(num_method="ks", cat_method="chisquare")]).run(*sides)
""",
}
MEASURE_PEER = """
import json, resource, sys, time
import pandas as pd
reference, current = (pd.read_parquet(path) for path in sys.argv[1:3])
for name in [c for c in reference if c[0] == "c"]:
    reference[name], current[name] = reference[name].astype(object), current[name].astype(object)
{}
seconds = time.process_time() - start
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({{"cpu_seconds": seconds, "peak_megabytes": peak}}))
"""
WHAT_PEER = {
    "nannyml": "binned KS and chi-square alone, fitted beforehand",
    "evidently": "KS and chi-square alone, the reference anew each time",
}
ONE_THREAD = {
    f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "POLARS_MAX")
}
SILENT = {"NML_DISABLE_USAGE_LOGGING": "1", "DO_NOT_TRACK": "1"}


class Measured(NamedTuple):
    """One report."""

    cpu_seconds: float
    peak_megabytes: float
    note: str


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


def measure(form: str, folder: Path, current: Path) -> None:
    """One report in a process of its own, so that its peak is its own; printed as JSON."""
    from holdfast.monitoring.monitoring_columns import monitor_columns
    from holdfast.monitoring.reference_file import load_reference

    frame = pd.read_parquet(current)
    held = peak_megabytes()
    reference = load_reference(folder)
    start = time.process_time()
    table = monitor_columns(reference, frame)
    seconds = time.process_time() - start
    found = table[(table["p_value"] < 0.001 / len(table))]["where"].nunique()
    note = f"{form}: {found} columns found, 14 shifted; {held:.0f} MB with the window read"
    print(json.dumps({"cpu_seconds": seconds, "peak_megabytes": peak_megabytes(), "note": note}))


def ours(form: str, folder: Path, current: Path) -> Measured:
    command = [sys.executable, __file__, "--measure", form, str(folder), str(current)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return Measured(**json.loads(done.stdout.splitlines()[-1]))


def environment(peer: str, cache: Path) -> Path | None:
    """The interpreter of the peer's own environment, made where it is not there; None where it cannot be."""
    folder = cache / "-".join(each.replace("=", "").replace("<", "-below-") for each in PEERS[peer])
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    complete = folder / "complete"
    if complete.exists():
        return python
    print(f"installing {' '.join(PEERS[peer])} into {folder}", flush=True)
    steps = [
        [sys.executable, "-m", "venv", "--clear", str(folder)],
        [str(python), "-m", "pip", "install", "--quiet", *PEERS[peer], "pyarrow"],
    ]
    for step in steps:
        done = subprocess.run(step, check=False, capture_output=True, text=True)
        if done.returncode:
            print(f"{peer} cannot be installed here: {' '.join(done.stderr.split())[-300:]}")
            return None
    complete.touch()
    return python


def measured_peer(peer: str, reference: Path, current: Path, cache: Path) -> Measured | None:
    """The peer's report, in a process of its own environment, on one thread; nothing is sent anywhere."""
    python = environment(peer, cache)
    if python is None:
        return None
    done = subprocess.run(
        [
            str(python),
            "-W",
            "ignore",
            "-c",
            MEASURE_PEER.format(RUN_PEER[peer]),
            str(reference),
            str(current),
        ],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **ONE_THREAD, **SILENT},
    )
    if done.returncode:
        print(f"{peer} failed: {' '.join(done.stderr.split())[-300:]}")
        return None
    return Measured(**json.loads(done.stdout.splitlines()[-1]), note=WHAT_PEER[peer])


def print_table(rows: dict[str, Measured]) -> None:
    """CPU seconds and memory of each, and how many times ours the peers take."""
    print(f"{'':10s} {'CPU s':>8s} {'peak MB':>8s} {'/ exact':>8s} {'/ sketch':>8s}  note")
    for name, each in rows.items():
        ratios = [f"{each.cpu_seconds / rows[form].cpu_seconds:8.1f}" for form in ("exact", "sketch")]
        print(
            f"{name:10s} {each.cpu_seconds:8.2f} {each.peak_megabytes:8.0f} {' '.join(ratios)}  {each.note}"
        )


def cache_folder() -> Path:
    """Where environments of peers are kept between runs."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "holdfast" / "peers"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--peer", nargs="*", choices=sorted(PEERS), default=[], help="run these beside ours")
    parser.add_argument("--cache", type=Path, default=cache_folder(), help="for the peers' environments")
    parser.add_argument("--measure", nargs=3, metavar=("FORM", "FOLDER", "PARQUET"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        form, folder, current = given.measure
        measure(form, Path(folder), Path(current))
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
        rows = {form: ours(form, place / form, place / "current.parquet") for form in ("exact", "sketch")}
        for peer in given.peer:
            found = measured_peer(peer, place / "reference.parquet", place / "current.parquet", given.cache)
            if found is not None:
                rows[peer] = found
        print_table(rows)


if __name__ == "__main__":
    main()
