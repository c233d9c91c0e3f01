"""How often does `holdfast monitor` alarm where nothing changes? Fresh stable worlds, from training on.

In each world a model is trained and exported, and the days after its reference are watched as a user would.
Prints, for each length of a window, the share of windows with any alarm beside the chosen rate, with an
interval over worlds, and what alarmed.

    python scripts/replay_stable_worlds.py --worlds 10
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import tempfile
import time
from collections import Counter
from pathlib import Path

for library in ("OMP", "OPENBLAS", "MKL"):
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")

import numpy as np  # noqa: E402
from scipy.stats import t as student  # noqa: E402

from holdfast.app.cli import main as holdfast  # noqa: E402
from holdfast.simulation.world import DefaultWorld  # noqa: E402

# A catalogue that does not age: in the default one items come and go, and alarms about them would be right.
WORLD = {"num_users": 150, "num_items": 5000, "num_days": 52, "half_life_days": 7.0}


def quietly(words: list[str]) -> int:
    """A command without its lines."""
    with contextlib.redirect_stdout(io.StringIO()) as said, contextlib.redirect_stderr(said):
        code = holdfast(words)
    if code in (1, 2, 130):
        raise SystemExit(f"holdfast {' '.join(words)} gave {code}:\n{said.getvalue()[-2000:]}")
    return code


def watched(seed: int, *, windows: list[str], rate: float, folder: Path) -> dict[str, dict[str, object]]:
    """What monitor.json says of one world, by length of the windows."""
    world = [f"data.{name}={value}" for name, value in {**WORLD, "seed": seed}.items()]
    run, log = folder / "run", folder / "log"
    stages = "stages=[prepare,fit,export]"
    quietly(["run", "data=world", *world, stages, "trainer.max_epochs=1", f"run_dir={run}", "tracking=local"])
    DefaultWorld(**WORLD, seed=seed).read().write(log)
    told = {}
    for window in windows:
        output = folder / window
        quietly(
            [
                "monitor",
                f"reference={run}",
                f"log={log}",
                f"window={window}",
                f"rate={rate}",
                f"output={output}",
            ]
        )
        told[window] = json.loads((output / "monitor.json").read_text(encoding="utf-8"))
    return told


def interval(shares: list[float]) -> tuple[float, float]:
    """95 % over worlds, whose windows are not independent of each other."""
    half = student.ppf(0.975, len(shares) - 1) * np.std(shares, ddof=1) / np.sqrt(len(shares))
    return max(float(np.mean(shares) - half), 0.0), float(np.mean(shares) + half)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--worlds", type=int, default=10, help="2 or more")
    parser.add_argument("--first-seed", type=int, default=1000)
    parser.add_argument("--windows", nargs="+", default=["1d", "2d", "7d"])
    parser.add_argument("--rate", type=float, default=0.05)
    given = parser.parse_args()
    began = time.process_time()
    shares: dict[str, list[float]] = {window: [] for window in given.windows}
    counted: dict[str, int] = Counter()
    kinds: dict[str, Counter[str]] = {window: Counter() for window in given.windows}
    for seed in range(given.first_seed, given.first_seed + given.worlds):
        with tempfile.TemporaryDirectory() as name:
            told = watched(seed, windows=given.windows, rate=given.rate, folder=Path(name))
        for window, each in told.items():
            days = each["windows"]
            shares[window].append(float(np.mean([day["alarms"] > 0 for day in days])))
            counted[window] += len(days)
            kinds[window].update(f"{alarm['where']} {alarm['kind']}" for alarm in each["alarms"])
        print(seed, {window: each[-1] for window, each in shares.items()}, flush=True)
    for window, each in shares.items():
        low, high = interval(each)
        print(
            f"{window:4s} rate {given.rate}: {np.mean(each):.3f} [{low:.3f}, {high:.3f}] "
            f"of {counted[window]} windows of {given.worlds} worlds have an alarm; "
            f"{dict(kinds[window].most_common(8))}"
        )
    print(f"{time.process_time() - began:.0f} CPU s")


if __name__ == "__main__":
    main()
