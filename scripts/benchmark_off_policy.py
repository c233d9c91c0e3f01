"""How fast is off-policy evaluation, and how much memory does it take?

    python scripts/benchmark_off_policy.py                  # 1e5 and 1e6 rows, 10 and 100 actions; a minute
    python scripts/benchmark_off_policy.py --quick          # 1e5 rows
    python scripts/benchmark_off_policy.py --peer PYTHON    # beside obp, in an interpreter that has it

All estimators (12, of which 4 choose their hyper-parameter among 9 values) with 95 % intervals, the reward
model's predictions given. Every case runs in a process of its own. *CPU* is the time of all threads between
the data being there and the table; *memory* the largest resident set, the data and all imports included. The
peer computes the estimators that both have (IPS, SNIPS, DM, DR, SNDR, Switch-DR and DRos, the last two tuned
over 8 values), point values, or 200 resamples, on the same data.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

# One thread: processor seconds are then the same whatever else the machine does.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import resource
import time

import numpy as np

CASES = [(100_000, 10), (1_000_000, 10), (100_000, 100), (1_000_000, 100)]
BLOCK = 5_000


def make_log(num_rows: int, num_actions: int) -> dict[str, np.ndarray]:
    """A log, made in parts so that making it takes no more memory than having it."""
    draw = np.random.default_rng(0)
    table = {name: np.empty((num_rows, num_actions)) for name in ("policy", "predictions")}
    columns = {"action": np.empty(num_rows, np.int64)}
    columns |= {name: np.empty(num_rows) for name in ("propensity", "reward")}
    for start in range(0, num_rows, BLOCK):
        rows = slice(start, min(start + BLOCK, num_rows))
        size = rows.stop - rows.start
        liking = draw.normal(size=(size, num_actions))
        behavior = np.exp(-0.3 * liking)
        behavior /= behavior.sum(axis=1, keepdims=True)
        evaluation = np.exp(liking)
        table["policy"][rows] = evaluation / evaluation.sum(axis=1, keepdims=True)
        action = (behavior.cumsum(axis=1) > draw.random((size, 1))).argmax(axis=1)
        mean = 1.0 / (1.0 + np.exp(-liking))
        table["predictions"][rows] = 0.05 + 0.9 * mean
        columns["action"][rows] = action
        columns["propensity"][rows] = behavior[np.arange(size), action]
        columns["reward"][rows] = draw.random(size) < mean[np.arange(size), action]
    return {**table, **columns}


def run_ours(num_rows: int, num_actions: int, resamples: int) -> None:
    """One case; prints seconds and bytes as JSON."""
    import pandas as pd

    from holdfast.evaluation.off_policy import BalancedInversePropensity, Intervals, evaluate
    from holdfast.evaluation.off_policy.question import default_estimators

    log = make_log(num_rows, num_actions)
    frame = pd.DataFrame({name: log[name] for name in ("action", "propensity", "reward")})
    method = Intervals(method="bootstrap", num_resamples=resamples) if resamples else Intervals()
    estimators = default_estimators(model=True, mrdr=True, balanced=True)
    assert any(isinstance(each, BalancedInversePropensity) for each in estimators)
    rows = np.arange(num_rows)
    balanced = log["policy"][rows, log["action"]] / log["propensity"]
    wall, cpu = time.perf_counter(), time.process_time()
    table = evaluate(
        frame,
        log["policy"],
        log["predictions"],
        estimators,
        mrdr_reward_model=log["predictions"],
        balanced_weights=balanced,
        intervals=method,
    )
    report(cpu, wall, len(table))


def run_peer(num_rows: int, num_actions: int, resamples: int) -> None:
    """The same with obp, in the interpreter that has it; prints seconds and bytes as JSON."""
    from obp import ope

    log = make_log(num_rows, num_actions)
    grid = [5, 10, 25, 50, 100, 500, 1000, np.inf]
    estimators = [
        ope.InverseProbabilityWeighting(),
        ope.SelfNormalizedInverseProbabilityWeighting(),
        ope.DirectMethod(),
        ope.DoublyRobust(),
        ope.SelfNormalizedDoublyRobust(),
        ope.SwitchDoublyRobustTuning(lambdas=grid),
        ope.DoublyRobustWithShrinkageTuning(lambdas=grid),
    ]
    feedback = {
        "context": np.zeros((num_rows, 1)),
        "n_rounds": num_rows,
        "n_actions": num_actions,
        "action": log["action"],
        "reward": log["reward"],
        "pscore": log["propensity"],
        "position": np.zeros(num_rows, dtype=int),
    }
    wall, cpu = time.perf_counter(), time.process_time()
    evaluation = ope.OffPolicyEvaluation(bandit_feedback=feedback, ope_estimators=estimators)
    inputs = {
        "action_dist": log["policy"][:, :, None],
        "estimated_rewards_by_reg_model": log["predictions"][:, :, None],
    }
    if resamples:
        evaluation.estimate_intervals(**inputs, n_bootstrap_samples=resamples, random_state=0)
    else:
        evaluation.estimate_policy_values(**inputs)
    report(cpu, wall, len(estimators))


def report(cpu: float, wall: float, rows: int) -> None:
    """What one process measured."""
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    seconds = {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}
    print(json.dumps({**seconds, "gigabytes": memory / 1e9, "rows": rows}))


def in_a_process(python: str, kind: str, case: tuple[int, int], resamples: int) -> dict[str, float]:
    """Runs one case in a fresh interpreter."""
    arguments = [python, __file__, "--case", kind, *map(str, case), str(resamples)]
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(arguments, capture_output=True, text=True, cwd=folder, check=False)
    if done.returncode:
        raise SystemExit(f"{kind} failed on {case}:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="100,000 rows only")
    parser.add_argument("--peer", help="path of a Python that has obp")
    parser.add_argument("--case", nargs=4, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.case:
        kind, *numbers = arguments.case
        (run_ours if kind == "ours" else run_peer)(*map(int, numbers))
        return
    print("| rows x actions | intervals | CPU s | wall s | memory GB | peer CPU s | peer / ours |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for case in CASES:
        if arguments.quick and case[0] > 100_000:
            continue
        for resamples in (0, 200):
            ours = in_a_process(sys.executable, "ours", case, resamples)
            peer = in_a_process(arguments.peer, "peer", case, resamples) if arguments.peer else None
            theirs = f"{peer['cpu']:.2f} | {peer['cpu'] / ours['cpu']:.1f}" if peer else "- | -"
            print(
                f"| {case[0]:,} x {case[1]} | {f'{resamples} resamples' if resamples else 'analytic'} | "
                f"{ours['cpu']:.2f} | {ours['wall']:.2f} | {ours['gigabytes']:.2f} | {theirs} |",
                flush=True,
            )


if __name__ == "__main__":
    if not Path(__file__).exists():
        raise SystemExit("run this from a checkout")
    main()
