"""How fast is the default world, and does it stay so when it grows?

    python scripts/benchmark_world.py            # 1e4, 1e5 and 1e6 users; some minutes and 5 GB of memory
    python scripts/benchmark_world.py --quick    # 1e4 and 1e5 users; about a minute

Policy: uniformly random slates, and at the end a model: what ``benchmark_served_model.py`` prints. One
catalogue for all sizes, so that only the number of users differs. Every figure is the median over rounds, the
sizes in turn: whatever else the machine does then hits them alike.

- *generated*: wall-clock seconds of ``Run.step``, on days after the first.
- *with the Parquet log*: wall-clock seconds of ``DefaultWorld.write`` from start to end, everything counted:
  the users and items drawn, the days, the shards written. ``--truth`` has the truth written as well.
- *CPU*: seconds of all threads together; what is left of them when the machine is shared.
- *memory*: the largest resident set of a process of its own that writes a log; with twice the days beside it.
"""

from __future__ import annotations

import argparse
import os

# The world's threads work side by side; those of a linear algebra library would get in their way.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from holdfast.simulation.loop import Run
from holdfast.simulation.policies.random_slates import UniformSlates
from holdfast.simulation.policies.scored import ScoredPolicy
from holdfast.simulation.world import DefaultWorld

LEAST_GENERATED = 1_000_000
LEAST_WRITTEN = 500_000
MOST_GROWTH = 1.3
NUM_ITEMS = 10_000
UNIFORM = ScoredPolicy(exploration=UniformSlates())


@dataclass(frozen=True)
class Cost:
    """What a number of impressions took."""

    impressions: int
    wall_seconds: float
    cpu_seconds: float

    @property
    def rate(self) -> float:
        return self.impressions / self.wall_seconds

    @property
    def cpu_microseconds(self) -> float:
        return 1e6 * self.cpu_seconds / self.impressions


def world(num_users: int, num_days: int) -> DefaultWorld:
    # Everybody is there from the first day, so that all days are alike.
    return DefaultWorld(
        num_users=num_users, num_items=NUM_ITEMS, num_days=num_days, burn_in_days=0, established_share=1.0
    )


def generate(num_users: int, *, impressions: int, threads: int) -> Cost:
    run = Run(world(num_users, 400).mechanisms(), threads=threads)
    run.step(UNIFORM)  # everybody's first visit, and NumPy's first calls
    made, wall, cpu = 0, time.perf_counter(), time.process_time()
    while made < impressions:
        day = run.step(UNIFORM)
        assert day is not None
        made += day.requests.item.size
    return Cost(made, time.perf_counter() - wall, time.process_time() - cpu)


def write(num_users: int, *, num_days: int, threads: int, truth: bool) -> Cost:
    with tempfile.TemporaryDirectory() as folder:
        wall, cpu = time.perf_counter(), time.process_time()
        apart = Path(folder) / "truth" if truth else None
        rows = world(num_users, num_days).write(Path(folder) / "log", UNIFORM, truth=apart, threads=threads)
        return Cost(rows, time.perf_counter() - wall, time.process_time() - cpu)


def peak_megabytes(num_users: int, *, num_days: int, threads: int) -> float:
    """Largest resident set while a process of its own writes a log."""
    command = [sys.executable, __file__, "--only-write", f"{num_users},{num_days}", "--threads", str(threads)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(done.stdout)


def largest_megabytes() -> float:
    """Largest resident set of this process so far."""
    status = Path("/proc/self/status")
    if status.exists():
        # Not ru_maxrss: a new process starts with the largest of the one that started it.
        (line,) = (each for each in status.read_text().splitlines() if each.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def report(title: str, costs: dict[int, list[Cost]], *, bar: float) -> None:
    print(f"\n{title}; medians of {len(next(iter(costs.values())))} rounds")
    print(f"  {'users':>9} {'impressions/s':>14} {'us an impression':>17} {'CPU us':>7}")
    wall = {users: statistics.median(1e6 / cost.rate for cost in found) for users, found in costs.items()}
    for users, found in costs.items():
        cpu = statistics.median(cost.cpu_microseconds for cost in found)
        print(f"  {users:>9,} {1e6 / wall[users]:>14,.0f} {wall[users]:>17.3f} {cpu:>7.3f}")
    slowest = min(1e6 / each for each in wall.values())
    print(
        f"  slowest {slowest:,.0f} impressions/s (bar: {bar:,.0f}) {'passed' if slowest >= bar else 'FAILED'}"
    )
    smallest, largest = min(costs), max(costs)
    pairs = zip(costs[largest], costs[smallest], strict=True)
    growth = statistics.median(large.rate**-1 / small.rate**-1 for large, small in pairs)
    print(
        f"  an impression costs {growth:.2f} times as much at {largest:,} users as at {smallest:,} "
        f"(bar: {MOST_GROWTH}) {'passed' if growth <= MOST_GROWTH else 'FAILED'}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="up to 1e5 users, two rounds")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=0, help="0: two if quick, else five")
    parser.add_argument("--truth", action="store_true", help="write the truth beside the log, too")
    parser.add_argument("--only-write", default="", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only_write:
        users, days = map(int, options.only_write.split(","))
        write(users, num_days=days, threads=options.threads, truth=False)
        print(largest_megabytes())
        return
    sizes = (10_000, 100_000) if options.quick else (10_000, 100_000, 1_000_000)
    rounds = options.rounds or (2 if options.quick else 5)
    load = os.getloadavg()[0]
    print(
        f"numpy {np.__version__}, {options.threads} threads on {os.cpu_count()} cores, "
        f"load at start {load:.1f}, {NUM_ITEMS:,} items, policy {UNIFORM.name}"
    )
    generated: dict[int, list[Cost]] = {users: [] for users in sizes}
    written: dict[int, list[Cost]] = {users: [] for users in sizes}
    for _ in range(rounds):
        for users in sizes:
            generated[users].append(generate(users, impressions=3_000_000, threads=options.threads))
        for users in sizes:
            days = max(3, 1_500_000 // users)
            days = min(days, 60)
            written[users].append(write(users, num_days=days, threads=options.threads, truth=options.truth))
    report("generated", generated, bar=LEAST_GENERATED)
    report(f"with the Parquet log{' and the truth' if options.truth else ''}", written, bar=LEAST_WRITTEN)
    print("\npeak memory of a process that writes a log")
    for users in sizes:
        days = 4 if users >= 1_000_000 else 10
        short, long = (
            peak_megabytes(users, num_days=each, threads=options.threads) for each in (days, 2 * days)
        )
        print(
            f"  {users:>9,} users: {short:,.0f} MB for {days} days, {long:,.0f} MB for {2 * days}", flush=True
        )
    # A process of its own: PyTorch would count in the memory of the others.
    command = [sys.executable, str(Path(__file__).with_name("benchmark_served_model.py"))]
    command += ["--threads", str(options.threads), *(["--quick"] if options.quick else [])]
    subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
