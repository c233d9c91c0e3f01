"""What does a stress suite cost beside the ranker's own forward passes?

    python scripts/benchmark_stress.py                 # the quickstart's world and model; some minutes
    python scripts/benchmark_stress.py --write         # and put the sentence into docs/stress.md
    python scripts/benchmark_stress.py --quick         # a small world and model: does it run?

Trains the quickstart's model for an epoch (its weights do not change the time), then runs ``stress=standard``
on it in the same process, one thread. *All* is everything from the start of the stage until its tables are
written, but running worlds again for true drift and measuring how strong drifts came out, which are given
apart. Run it on a machine that does nothing else.
"""

from __future__ import annotations

import argparse
import os

# One thread: what the forward passes gain from more of them, the rest does not.
os.environ["OMP_NUM_THREADS"] = "1"

import json
import tempfile
from pathlib import Path
from typing import Any

import torch

from holdfast.app.cli import main as holdfast
from holdfast.core.marked_text import write_between
from holdfast.data.encoded import load_window

DOCS = Path(__file__).parents[1] / "docs" / "stress.md"
MARKER = "suite cost"
BAR = 1.2
QUICK = (
    "data.num_users=250",
    "data.num_items=200",
    "data.num_days=26",
    "split.validation_days=2",
    "split.test_days=4",
    "model.mixture.expert_widths=[16]",
    "model.ranker.tower_widths=[8]",
)


def measured(folder: Path, words: tuple[str, ...]) -> tuple[dict[str, Any], int]:
    """The cost that the stage wrote down, and the rows of the test window."""
    common = (f"run_dir={folder}", "tracking=local")
    made = (*common, "experiment=quickstart", "trainer.max_epochs=1", "stages=[prepare,fit]", *words)
    for given in (made, (*common, "stages=[stress]", "stress=standard")):
        code = holdfast(("run", *given))
        if code:
            raise SystemExit(code)
    cost = json.loads((folder / "stress" / "stress.json").read_text(encoding="utf-8"))["cost"]
    return cost, len(load_window(folder / "prepared" / "test", memory_map=True))


def lines(cost: dict[str, Any]) -> list[str]:
    """A line a way of counting."""
    forward, total = cost["forward_seconds"], cost["total_seconds"]
    worlds, strength = cost["worlds_seconds"], cost["strength_seconds"]
    counted = {
        "forward passes": forward,
        "all": total,
        "all, with worlds": total + worlds,
        "all, with strength": total + strength,
        "all, with both": total + worlds + strength,
    }
    return [f"{name:<20}{each:>8.1f} s   {each / forward:>5.2f} times" for name, each in counted.items()]


def sentence(cost: dict[str, Any], num_rows: int) -> str:
    """For the docs."""
    forward, total = cost["forward_seconds"], cost["total_seconds"]
    return (
        f"On the quickstart's world ({num_rows:,} test rows, {cost['scenarios']} scenarios, one thread,\n"
        f"3 seeds) the standard suite took {forward:.1f} s of forward passes and {total:.1f} s in all,\n"
        f"{total / forward:.2f} times that; {cost['worlds_seconds']:.1f} s more to run the world again for "
        f"true drift,\nand {cost['strength_seconds']:.1f} s to measure how strong drifts came out."
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="a small world; its figures say nothing")
    parser.add_argument("--write", action="store_true", help="put the sentence into docs/stress.md")
    options = parser.parse_args()
    if options.quick and options.write:
        parser.error("--quick figures are not for the docs; leave out one of the two")
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        cost, num_rows = measured(Path(folder) / "run", QUICK if options.quick else ())
    print("\n".join(lines(cost)))
    parts = sorted(cost["seconds_by_part"].items(), key=lambda item: -item[1])
    print("of which: " + ", ".join(f"{name} {seconds:.1f} s" for name, seconds in parts))
    if not options.quick:
        print(
            f"the bar is {BAR:g} times the forward passes: {'held' if cost['ratio'] <= BAR else 'NOT held'}"
        )
    if options.write:
        write_between(DOCS, sentence(cost, num_rows), name=MARKER)


if __name__ == "__main__":
    main()
