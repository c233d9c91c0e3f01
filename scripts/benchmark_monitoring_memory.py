"""How much memory `holdfast monitor` needs as a log grows: the same rows a day for ten times as many days.

    python scripts/benchmark_monitoring_memory.py --rows 300000 3000000

Trains a small model, writes its world's log over and over again, later each time, and watches it in a process
of its own. Peak memory should follow the rows of a day and not those of the log.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

for library in ("OMP", "OPENBLAS", "MKL"):
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")

WORLD = {"num_users": 150, "num_items": 1000, "num_days": 38}


def write_log(folder: Path, *, num_rows: int, rows_a_day: int) -> None:
    """Shards of the world's log, each later than the one before."""
    import pandas as pd

    from holdfast.core.files import write_json
    from holdfast.data.log import write_rows
    from holdfast.simulation.world import DefaultWorld

    folder.mkdir()
    frame = DefaultWorld(**WORLD).read().frame
    copies = max(round(rows_a_day * WORLD["num_days"] / len(frame)), 1)
    parts = [
        frame.assign(
            user_id=frame["user_id"] + copy * WORLD["num_users"],
            request_id=frame["request_id"] + copy * (int(frame["request_id"].max()) + 1),
        )
        for copy in range(copies)
    ]
    whole = pd.concat(parts).sort_values("shown_at", kind="stable")
    later = pd.Timedelta(days=WORLD["num_days"])
    for number in range(-(-num_rows // len(whole))):
        rows = whole.iloc[: num_rows - number * len(whole)]
        moved = {name: rows[name] + number * later for name in ("shown_at", "next_visit_at")}
        fresh = rows["request_id"] + number * (int(whole["request_id"].max()) + 1)
        write_rows(folder / f"part-{number:04d}.parquet", rows.assign(**moved, request_id=fresh))
    write_json(folder / "observed.json", {"observed_until": moved["shown_at"].max().isoformat()})


def train(run: Path) -> None:
    from holdfast.app.cli import main as holdfast

    world = [f"data.{name}={value}" for name, value in WORLD.items()]
    words = ["trainer.max_epochs=1", "stages=[prepare,fit,export]", f"run_dir={run}", "tracking=local"]
    with contextlib.redirect_stdout(io.StringIO()):
        if holdfast(["run", "data=world", *world, *words]):
            raise SystemExit("the model could not be trained")


def watch(run: Path, log: Path, output: Path) -> None:
    """In a process of its own, so that its peak is its own."""
    from holdfast.app.cli import main as holdfast

    with contextlib.redirect_stdout(io.StringIO()):
        places = [f"reference={run}", f"log={log}", f"output={output}"]
        code = holdfast(["monitor", *places, "start=2025-01-13", "harm_rows=50"])
    usage = resource.getrusage(resource.RUSAGE_SELF)
    told = json.loads((output / "monitor.json").read_text(encoding="utf-8"))
    print(
        f"{told['log']['rows']:>10,} rows, {len(told['windows']):4d} windows: peak "
        f"{usage.ru_maxrss / 1024:6.0f} MB, {usage.ru_utime + usage.ru_stime:6.0f} CPU s, exit code {code}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, nargs="+", default=[300_000, 3_000_000])
    parser.add_argument("--rows-a-day", type=int, default=10_000)
    parser.add_argument("--watch", nargs=3, metavar=("RUN", "LOG", "OUTPUT"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.watch:
        watch(*(Path(each) for each in given.watch))
        return
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        train(place / "run")
        for number in given.rows:
            write_log(place / f"log-{number}", num_rows=number, rows_a_day=given.rows_a_day)
            command = ["--watch", *(str(place / each) for each in ("run", f"log-{number}", f"out-{number}"))]
            subprocess.run([sys.executable, __file__, *command], check=True)


if __name__ == "__main__":
    main()
